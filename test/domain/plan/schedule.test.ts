import { describe, expect, it, test } from 'vitest';
import { resolvePlan, type ResolvedStep } from '../../../src/domain/plan/resolve-plan.ts';
import { afterFailure, dependents, readiness } from '../../../src/domain/plan/schedule.ts';
import { activePart, type PartState, type StepStatus } from '../../../src/domain/run/status.ts';

const stepOf = (changes: object = {}): ResolvedStep => {
  const [step] = resolvePlan({
    target: { host: 'h' },
    steps: [{ name: 's', script: 'x', ...changes }],
  }).steps;
  if (!step) throw new Error('no step');
  return step;
};
const status = (name: string, state: PartState): StepStatus => ({ name, state, attempt: 1 });

describe('dependents', () => {
  const plan = [
    { name: 'z', needs: ['y'] },
    { name: 'a', needs: [] },
    { name: 'y', needs: ['a', 'b'] },
    { name: 'b', needs: [] },
    { name: 'alone', needs: [] },
  ];
  test.each([
    ['a', ['z', 'y']],
    ['y', ['z']],
    ['z', []],
    ['alone', []],
  ])(
    'of %s are all steps that need it, directly or indirectly, in the order of the plan',
    (name, expected) => {
      expect(dependents(name, plan)).toEqual(expected);
    },
  );
});

describe('readiness', () => {
  test.each<[PartState[], 'ready' | 'waiting' | 'blocked']>([
    [[], 'ready'],
    [['succeeded', 'satisfied', 'skipped'], 'ready'],
    [['succeeded', 'running'], 'waiting'],
    [['parked'], 'waiting'],
    [['retrying'], 'waiting'],
    [['pending'], 'waiting'],
    [['running', 'failed'], 'blocked'],
    [['blocked'], 'blocked'],
  ])('a step whose needs are %j is %s', (states, expected) => {
    const needed = states.map((state, i) => status(`n${i}`, state));
    const step = stepOf({ needs: needed.map(({ name }) => name) });
    expect(readiness(step, [...needed, status('other', 'failed'), status('s', 'pending')])).toBe(expected);
  });
});

describe('the consequence of a failure', () => {
  const step = stepOf({ retry: { attempts: 2 } });
  test.each([
    ['step-failed', 1, 'retry'],
    ['step-timeout', 1, 'retry'],
    ['step-interrupted', 1, 'retry'],
    ['step-failed', 2, 'park'],
    ['finalizer-failed', 1, 'retry'],
    ['auth-failed', 1, 'park'],
    ['secret-unavailable', 1, 'park'],
  ])('%s in attempt %d is %s', (code, tries, expected) => {
    expect(afterFailure(step, tries, code, 'park')).toBe(expected);
  });

  test.each(['park', 'fail', 'continue'] as const)(
    'is the policy of the plan after the last attempt: %s',
    (word) => {
      expect(afterFailure(stepOf(), 1, 'step-failed', word)).toBe(word);
    },
  );
});

describe('the part that an action is about', () => {
  it('is the step until it is done, then its finalizer', () => {
    const finalizer = { state: 'parked' as const, attempt: 1 };
    const step = { ...status('a', 'parked'), finalizer };
    expect(activePart(step)).toBe(step);
    step.state = 'skipped';
    expect(activePart(step)).toBe(finalizer);
    expect(activePart(status('b', 'succeeded')).state).toBe('succeeded');
  });
});
