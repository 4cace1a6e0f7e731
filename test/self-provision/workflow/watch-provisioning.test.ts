import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  beating,
  ended,
  fakeActivities,
  startHarness,
  untilCancelled,
  type Harness,
} from '../../workflows/harness.ts';
import { foundOn, gaveUpOnA, launch, script, showing } from '../../workflows/self-provisioned.ts';

describe('a watch with skipped time', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ skipsTime: true });
  });
  afterAll(() => harness?.stop());

  it('fails when its timeout expires before a script begins', async () => {
    const { activities } = fakeActivities(showing({}));
    await harness.watch(activities, { timeout: '5m' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'bootstrap-timeout' },
      });
      expect(await client.status(id)).not.toHaveProperty('waitingFor');
    });
  });

  it('of a provisioned host ends as already provisioned', async () => {
    const { asked, activities } = fakeActivities(showing({ sentinel: '' }));
    await harness.watch(activities, {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'already-provisioned' });
    });
    expect(asked).not.toContain('prepareHost');
  });

  it('fails with the error of a script that ended before its first step', async () => {
    const gaveUp = {
      ...script,
      alive: false,
      phase: 'failed',
      failure: { code: 'zmx-unavailable', text: 'offline' } as const,
    };
    const { activities } = fakeActivities(showing({ script }, { script: gaveUp }));
    await harness.watch(activities, {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        failure: {
          code: 'zmx-unavailable',
          message: expect.stringMatching(/offline; its log is \/s\/log/) as string,
        },
      });
    });
  });

  it('parks failed steps, and fails when no action follows', async () => {
    const { activities } = fakeActivities(showing({ script }, gaveUpOnA));
    await harness.watch(activities, { parkTimeout: '6m' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ failure: { code: 'parked-too-long' } });
      expect((await client.status(id)).steps[0]).toMatchObject({ attempt: 1, failure: { exitCode: 7 } });
    });
  });

  it('accepts each action where it is valid, and otherwise refuses it with the reason', async () => {
    let gaveUp = false;
    let fail = () => {};
    const host = showing(
      { script },
      { script, parts: [{ launch, state: { kind: 'running', logBytes: 0 } }] },
    );
    const failedHost = showing({ script }, gaveUpOnA);
    const { asked, activities } = fakeActivities({
      ...host,
      // Time stands still while the script is at work.
      async followScript(input) {
        if (input.seen === 'over') return untilCancelled();
        if (!gaveUp && input.seen === '2') await beating(new Promise<void>((go) => (fail = go)));
        return gaveUp
          ? { ...(await failedHost.followScript({ ...input, seen: '1' })), seen: 'over' }
          : host.followScript(input);
      },
      ...foundOn({ ...script, alive: false }),
      surveyLaunches: async () => [
        { launch, state: { kind: 'exited', code: 7, endedAtMs: 1, elapsedMs: 1, logBytes: 0 } },
      ],
      waitStep: async () => ended,
    });
    const step = { step: 'a' };
    await harness.watch(activities, {}, async (client, id) => {
      const state = async () => (await client.status(id).catch(() => undefined))?.steps[0]?.state;
      await expect.poll(state).toBe('running');
      const refused = (message: string) =>
        expect.objectContaining({ message: expect.stringContaining(message) as string }) as unknown;
      const follows = "this run follows the host's own script";
      await expect(client.retry(id, step)).rejects.toEqual(refused('a is not parked: it is still running'));
      await expect(client.retry(id, { ...step, resetDownstream: true })).rejects.toEqual(
        refused(`${follows}; its steps can't be reset`),
      );
      await expect(client.skip(id, step)).rejects.toEqual(refused('a is not parked: it is still running'));
      await expect(client.extendTimeout(id, { ...step, by: '1m' })).rejects.toEqual(
        refused(`${follows}, which keeps the time of its steps itself`),
      );
      await expect(client.pause(id)).rejects.toEqual(refused(`${follows}; it can't be paused, only aborted`));
      await expect(client.resume(id)).rejects.toEqual(refused('the run is not paused'));
      gaveUp = true;
      fail();
      await expect.poll(state).toBe('parked');
      // The script will not run it again, but whoever takes over from it may.
      await client.extendTimeout(id, { ...step, by: '30m' });
      await expect(client.pause(id)).rejects.toEqual(refused('only aborted'));
      await client.retry(id, step);
      expect(await client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect((await client.status(id)).steps[0]).toMatchObject({
        state: 'succeeded',
        attempt: 2,
        extendedByMs: 1_800_000,
      });
    });
    expect(asked).toContain('runStep a 2');
  });

  it('parks the steps of a script that has ended without a reason, and takes the host over after a retry', async () => {
    const gone = { ...script, alive: false };
    const host = showing(
      { script },
      { script: gone, parts: [{ launch, state: { kind: 'interrupted', rebooted: true, logBytes: 0 } }] },
    );
    let firstWaitMs: number | undefined;
    const { asked, activities } = fakeActivities({
      ...host,
      // Time passes while the script may come back, and stands still once a person is asked.
      async followScript(input) {
        const { scheduledTimestampMs } = Context.current().info;
        if (input.seen === '2') firstWaitMs ??= scheduledTimestampMs;
        const isParked = scheduledTimestampMs - (firstWaitMs ?? scheduledTimestampMs) >= 3 * 60_000;
        return isParked ? untilCancelled() : host.followScript(input);
      },
      ...foundOn(gone),
      surveyLaunches: async () => [{ launch, state: { kind: 'interrupted', rebooted: true, logBytes: 0 } }],
      inspectLaunch: async () => ({ kind: 'interrupted', rebooted: true, logBytes: 0 }),
      waitStep: async () => ended,
    });
    await harness.watch(activities, {}, async (client, id) => {
      const result = client.result(id);
      await expect
        .poll(() => client.status(id))
        .toMatchObject({ attention: true, steps: [{ state: 'parked' }, {}] });
      await client.retry(id, { step: 'a' });
      expect(await result).toMatchObject({ outcome: 'provisioned' });
    });
    expect(asked.filter((what) => /Step/.test(what))).toEqual([
      'killStep a 1',
      'runStep a 2',
      'waitStep a 2',
      'runStep b 1',
      'waitStep b 1',
    ]);
    expect(asked).toContain('verifySentinel');
  });
});
