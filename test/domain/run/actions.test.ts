import { describe, expect, it } from 'vitest';
import { actions, actionsByKey, exampleInput, PARKED_ACTIONS } from '../../../src/domain/run/actions.ts';
import type { PartStatus, RunStatus } from '../../../src/domain/run/status.ts';

const statusWith = (part: Partial<PartStatus>) =>
  ({ steps: [{ name: 'a', state: 'running', attempt: 1, ...part }] }) as RunStatus;
const trouble = { code: 'auth-failed', message: 'no', advice: 'look', sinceMs: 0 } as const;

describe('the outcome of a retry', () => {
  it.each([
    ['can be asked', false, {}, 'a runs again'],
    ['cannot be asked', false, { trouble }, 'The run now asks the host about a'],
    ['cannot be asked, with force', true, { trouble }, 'a will be ended and run again once the host answers'],
  ])('of a step whose host %s', (_, force, part, text) => {
    expect(actions.retryStep.outcome({ step: 'a', force }, statusWith(part))).toBe(text);
  });
});

describe('the outcome of a skip', () => {
  it.each([
    ['can', {}, 'a is skipped'],
    ['cannot', { trouble }, 'a will be skipped once the host answers'],
  ])('of a step whose host %s be asked', (_, part, text) => {
    expect(actions.skipStep.outcome({ step: 'a' }, statusWith(part))).toBe(text);
  });
});

describe('the descriptors', () => {
  it('give pause and resume one key, and every other action a key of its own', () => {
    const shared = [...actionsByKey.values()].filter((names) => names.length > 1);
    expect(shared).toEqual([['pause', 'resume']]);
  });

  it('name what an operator can do about a parked part', () => {
    expect(PARKED_ACTIONS).toBe('retryStep, skipStep or abort');
  });

  it('have example inputs, for a step if one is given', () => {
    expect(exampleInput('skipStep', 'app')).toBe('{"step":"app","reason":"…"}');
    expect(exampleInput('abort', 'app')).toBe('{"reason":"…"}');
  });
});
