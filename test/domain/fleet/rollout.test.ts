import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { amountOf } from '../../../src/domain/fleet/amount.ts';
import { failuresIn } from '../../../src/domain/fleet/host-tally.ts';
import { Rollout } from '../../../src/domain/fleet/rollout.ts';
import type { RolloutLimits, RolloutPlan } from '../../../src/domain/fleet/rollout-state.ts';
import { Conduct, type Op } from './conduct-rollout.ts';

const pauses = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  fc.constant({ kind: 'promote' } as const),
  fc.constant({ kind: 'check' } as const),
  fc.constant({ kind: 'time', ms: 50 } as const),
);
const amounts = fc.oneof(fc.nat(6), fc.constantFrom('0%', '10%', '25%', '50%', '100%'));

const plans: fc.Arbitrary<RolloutPlan> = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
    pause: pauses,
    slowStartMs: fc.constantFrom(0, 30),
    parkGraceMs: fc.constantFrom(0, 0, 25),
    hasOnce: fc.constantFrom(false, false, true),
  })
  .map(({ sizes, ...rest }) => {
    let next = 0;
    return { ...rest, waves: sizes.map((size) => Array.from({ length: size }, () => next++)) };
  });
const limits: fc.Arbitrary<RolloutLimits> = fc.record({
  concurrency: fc.integer({ min: 1, max: 8 }),
  maxFailures: amounts,
});
const waveLimits = fc.option(amounts, { nil: undefined });

const WEIGHTS: Readonly<Record<Op['kind'], number>> = {
  done: 24,
  failed: 16,
  parked: 12,
  unparked: 8,
  wait: 16,
  retry: 8,
  promote: 6,
  restart: 6,
  resume: 5,
  skip: 4,
  once: 4,
  resize: 4,
  budget: 4,
  pause: 3,
  checkFailed: 3,
  abortFinish: 1,
  abortEnd: 1,
};
const picks: Readonly<Partial<Record<Op['kind'], fc.Arbitrary<number>>>> = {
  wait: fc.constantFrom(1, 5, 20, 60),
  resize: fc.integer({ min: 1, max: 8 }),
};
const ops: fc.Arbitrary<Op> = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => {
    const kind = name as Op['kind'];
    return { weight, arbitrary: fc.record({ kind: fc.constant(kind), pick: picks[kind] ?? fc.nat(9) }) };
  }),
);

test('no sequence of events starts a host too many, loses a host or gets a fleet stuck', () => {
  const check = () =>
    fc.assert(
      fc.property(
        plans,
        limits,
        waveLimits,
        fc.array(ops, { maxLength: 60 }),
        (plan, limit, perWave, sequence) => {
          const conduct = new Conduct(plan, {
            ...limit,
            ...(perWave !== undefined && { maxWaveFailures: perWave }),
          });
          for (const op of sequence) conduct.apply(op);
          conduct.finish();
        },
      ),
      { numRuns: 10_000 },
    );
  expect(check).not.toThrow();
});

const oneWave = (hosts: number): RolloutPlan => ({
  waves: [Array.from({ length: hosts }, (_, i) => i)],
  pause: { kind: 'none' },
  slowStartMs: 0,
  parkGraceMs: 0,
  hasOnce: false,
});

test('with three failures allowed, nothing starts after the fourth, and what runs finishes', () => {
  const rollout = new Rollout(oneWave(20), { concurrency: 2, maxFailures: 3 });
  let now = 0;
  let running = [...rollout.next(now).start];
  let started = running.length;
  for (let failures = 0; failures < 4; failures += 1) {
    const [first = 0, ...rest] = running;
    rollout.ended(first, 'failed');
    const { start } = rollout.next((now += 1));
    running = [...rest, ...start];
    started += start.length;
  }
  expect(rollout.isExceeded).toBe(true);
  expect(running).toHaveLength(1);
  rollout.ended(running[0] ?? 0, 'done');
  expect(rollout.next(now).start).toEqual([]);
  expect({ started, over: rollout.isOver, ...rollout.counts }).toMatchObject({
    started: 5,
    over: false,
    pending: 15,
    failed: 4,
    done: 1,
  });
});

test('a repaired host gives its place in the error budget back', () => {
  const rollout = new Rollout(oneWave(3), { concurrency: 1, maxFailures: 0 });
  rollout.next(0);
  rollout.parked(0, 1);
  expect(rollout.next(1).start).toEqual([]);
  rollout.unparked(0);
  rollout.ended(0, 'done');
  expect(rollout.next(2).start).toEqual([1]);
});

test('what follows a wave begins anew after a host of the wave was retried', () => {
  const plan: RolloutPlan = { ...oneWave(2), waves: [[0], [1]], pause: { kind: 'time', ms: 100 } };
  const rollout = new Rollout(plan, { concurrency: 1, maxFailures: 1 });
  rollout.next(0);
  rollout.ended(0, 'failed');
  expect(rollout.next(10)).toEqual({ start: [], wakeAtMs: 110 });
  rollout.retry([0]);
  expect(rollout.next(20).start).toEqual([0]);
  rollout.ended(0, 'done');
  expect(rollout.next(500)).toEqual({ start: [], wakeAtMs: 600 });
  expect(rollout.next(600).start).toEqual([1]);
});

test('a share of the hosts is rounded down', () => {
  expect([amountOf('10%', 19), amountOf('33.33%', 10_000), amountOf('100%', 7), amountOf(3, 1)]).toEqual([
    1, 3333, 7, 3,
  ]);
});

test('a slow start uses the window step by step', () => {
  const plan = { ...oneWave(40), slowStartMs: 1000 };
  const rollout = new Rollout(plan, { concurrency: 20, maxFailures: 0 });
  const first = rollout.next(5000);
  expect(first).toEqual({ start: [0, 1], wakeAtMs: 5100 });
  expect(rollout.next(5100).start).toEqual([2, 3]);
  expect(rollout.next(5950).start).toHaveLength(16);
  expect(failuresIn(rollout.counts)).toBe(0);
});
