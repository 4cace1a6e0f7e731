import { describe, expect, it, test } from 'vitest';
import { resolvePlan, type ResolvedStep } from '../../src/domain/plan.ts';
import { afterFailure, dependents, readiness, sentinelSaysDone } from '../../src/domain/schedule.ts';
import { activePart, type PartState, type StepStatus } from '../../src/domain/status.ts';

const stepOf = (changes: object = {}): ResolvedStep => {
  const [step] = resolvePlan({
    target: { host: 'h' },
    steps: [{ name: 's', script: 'x', ...changes }],
  }).steps;
  if (!step) throw new Error('no step');
  return step;
};
const status = (name: string, state: PartState): StepStatus => ({ name, state, generation: 1 });

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
  ])('of %s are all that need it, near or far, in the order of the plan', (name, expected) => {
    expect(dependents(name, plan)).toEqual(expected);
  });
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
  ])('needs that are %j make a step %s', (states, expected) => {
    const needed = states.map((state, i) => status(`n${i}`, state));
    const step = stepOf({ needs: needed.map(({ name }) => name) });
    expect(readiness(step, [...needed, status('other', 'failed'), status('s', 'pending')])).toBe(expected);
  });
});

describe('what follows a failure', () => {
  const step = stepOf({ retry: { attempts: 2 } });
  test.each([
    ['step-failed', 1, 'retry'],
    ['step-timeout', 1, 'retry'],
    ['step-interrupted', 1, 'retry'],
    ['step-failed', 2, 'park'],
    ['finalizer-failed', 1, 'retry'],
    ['auth-failed', 1, 'park'],
    ['secret-unavailable', 1, 'park'],
  ])('of %s at try %d is %s', (code, tries, expected) => {
    expect(afterFailure(step, tries, code, 'park')).toBe(expected);
  });

  test.each(['park', 'fail', 'continue'] as const)('is the word of the plan: %s', (word) => {
    expect(afterFailure(stepOf(), 1, 'step-failed', word)).toBe(word);
  });
});

describe('a sentinel', () => {
  test.each([
    ['is not there', undefined, 'skip', false],
    ['is not asked for', '{"digest":"d"}', 'ignore', false],
    ['is of another plan, and any will do', '{"digest":"x"}', 'skip', true],
    ['is of this plan', '{"digest":"d"}', 'skip-if-same-plan', true],
    ['is of another plan', '{"digest":"x"}', 'skip-if-same-plan', false],
    ['is empty', '', 'skip-if-same-plan', true],
    ['is foreign', 'provisioned by pixels', 'skip-if-same-plan', true],
    ['is JSON without a digest', '[1]', 'skip-if-same-plan', true],
    ['has a digest of another kind', '{"digest":5}', 'skip-if-same-plan', true],
  ] as const)('that %s: %s with %s says done: %s', (_, content, whenPresent, done) => {
    expect(sentinelSaysDone(content, 'd', whenPresent)).toBe(done);
  });
});

describe('the part that a message is about', () => {
  it('is the step until that is done, then its finalizer', () => {
    const finalizer = { state: 'parked' as const, generation: 1 };
    const step = { ...status('a', 'parked'), finalizer };
    expect(activePart(step)).toBe(step);
    step.state = 'skipped';
    expect(activePart(step)).toBe(finalizer);
    expect(activePart(status('b', 'succeeded')).state).toBe('succeeded');
  });
});
