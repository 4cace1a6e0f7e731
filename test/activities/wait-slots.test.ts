import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { toTemporalFailure } from '../../src/activities/temporal-failure.ts';
import { memoryUsage, WaitSlots } from '../../src/activities/wait-slots.ts';
import { gate } from '../support/gate.ts';

const hold = (slots: WaitSlots, wait: () => Promise<unknown>, isOver?: () => Promise<boolean>, attempt = 1) =>
  new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') }).run(() =>
    slots.hold(wait, isOver),
  );

describe('the slots for waits of a worker', () => {
  it('are free again after a wait, however it ends', async () => {
    const slots = new WaitSlots({ waits: 1, shortActivities: 1 });
    await expect(hold(slots, async () => 'done')).resolves.toBe('done');
    await expect(hold(slots, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(slots.refusalReason()).toBeUndefined();
    expect(slots.inspect()).toMatchObject({
      verdict: 'ok',
      message: '0 of 1 waits; 1 more slots for short activities',
    });
  });

  it('refuse a wait beyond the limit, and the server offers it again, later each time', async () => {
    const slots = new WaitSlots({ waits: 2, shortActivities: 1 });
    const end = gate();
    const held = [hold(slots, () => end.passed), hold(slots, () => end.passed)];
    const refused = async (attempt: number) => {
      const error: unknown = await hold(slots, async () => 'done', undefined, attempt).catch(
        (reason: unknown) => reason,
      );
      return toTemporalFailure(error);
    };
    expect(await refused(1)).toMatchObject({ type: 'no-worker', nonRetryable: false, nextRetryDelay: 2000 });
    expect(await refused(3)).toMatchObject({ nextRetryDelay: 6000 });
    expect(await refused(1000)).toMatchObject({ nextRetryDelay: 30_000 });
    expect(slots.inspect()).toMatchObject({
      verdict: 'warning',
      message: expect.stringContaining('all 2 slots for waits are in use') as string,
    });
    end.open();
    await Promise.all(held);
    await expect(hold(slots, async () => 'done')).resolves.toBe('done');
  });

  it('are not needed for a launch that is over', async () => {
    const slots = new WaitSlots({ waits: 1, shortActivities: 1 });
    const end = gate();
    const held = hold(slots, () => end.passed);
    await expect(
      hold(
        slots,
        async () => 'done',
        async () => true,
      ),
    ).resolves.toBe('done');
    await expect(
      hold(
        slots,
        async () => 'done',
        async () => false,
      ),
    ).rejects.toThrow('all 1 slots');
    end.open();
    await held;
  });

  it('are refused while memory is low', async () => {
    const slots = new WaitSlots({ waits: 10, shortActivities: 1 }, () => false);
    await expect(hold(slots, async () => 'done')).rejects.toThrow('too little memory for more than 0 waits');
  });
});

it('memory use is a number from 0 to 1', () => {
  expect(memoryUsage()).toBeGreaterThan(0);
  expect(memoryUsage()).toBeLessThan(1);
});
