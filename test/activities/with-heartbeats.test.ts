import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withHeartbeats } from '../../src/activities/with-heartbeats.ts';

describe('a wait with heartbeats', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());
  const start = (waitedMs = 0, scheduleToCloseTimeoutMs = 0) => {
    const env = new MockActivityEnvironment(
      { scheduledTimestampMs: Date.now() - waitedMs, scheduleToCloseTimeoutMs },
      { logger: new DefaultLogger('ERROR') },
    );
    const beats: unknown[] = [];
    env.on('heartbeat', (details: unknown) => beats.push(details));
    return { env, beats };
  };

  it('sends a heartbeat with the first report, and every 2 s with the latest details', async () => {
    const { env, beats } = start();
    const result = env.run(() =>
      withHeartbeats({ step: 'a' }, async ({ report }) => {
        await vi.advanceTimersByTimeAsync(1000);
        report({ logBytes: 5 });
        report({ logBytes: 6 });
        await vi.advanceTimersByTimeAsync(4000);
        return 'over';
      }),
    );
    expect(await result).toBe('over');
    expect(beats).toEqual([
      { step: 'a', logBytes: 5, elapsedS: 1 },
      { step: 'a', logBytes: 6, elapsedS: 2 },
      { step: 'a', logBytes: 6, elapsedS: 4 },
    ]);
  });

  it('sends fewer heartbeats for an old step, with its age', async () => {
    const { env, beats } = start();
    const wait = () => vi.advanceTimersByTimeAsync(40_000);
    await env.run(() => withHeartbeats({}, wait, { ageMs: 600_000, heartbeatEveryMs: 18_000 }));
    expect(beats).toEqual([{ elapsedS: 618 }, { elapsedS: 636 }]);
  });

  it('reports how long the wait has lasted in all, on any worker', async () => {
    const { env, beats } = start(65_000);
    const wait = () => vi.advanceTimersByTimeAsync(2000);
    await env.run(() => withHeartbeats({ step: 'a' }, wait));
    const ahead = start(-5000);
    await ahead.env.run(() => withHeartbeats({ step: 'a' }, wait));
    expect([...beats, ...ahead.beats]).toEqual([
      { step: 'a', elapsedS: 67 },
      { step: 'a', elapsedS: 0 },
    ]);
  });

  it.each([
    ['that is short', 0, 2000],
    ['of which little is left', 60_000, 61_000],
    ['that is over by the clock of the worker', 9000, 5000],
  ])('sends one at once if it has a time limit %s', async (_, waitedMs, limitMs) => {
    const { env, beats } = start(waitedMs, limitMs);
    await env.run(() => withHeartbeats({}, () => Promise.resolve()));
    expect(beats).toEqual([{ elapsedS: waitedMs / 1000 }]);
    const long = start(waitedMs, waitedMs + 60_000);
    await long.env.run(() => withHeartbeats({}, () => Promise.resolve()));
    expect(long.beats).toEqual([]);
  });

  it('sends no heartbeat once it has succeeded or failed', async () => {
    const { env, beats } = start();
    await expect(env.run(() => withHeartbeats({}, () => Promise.reject(new Error('no'))))).rejects.toThrow(
      'no',
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(beats).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is aborted by a cancellation', async () => {
    const { env } = start();
    const result = env.run(() =>
      withHeartbeats({}, ({ signal }) => {
        env.cancel('CANCELLED');
        expect(signal.aborted).toBe(true);
        signal.throwIfAborted();
        return Promise.resolve();
      }),
    );
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
  });
});
