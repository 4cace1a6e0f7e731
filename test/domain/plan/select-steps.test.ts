import { describe, expect, it } from 'vitest';
import { selectSteps } from '../../../src/domain/plan/select-steps.ts';
import { validatePlan } from '../../../src/domain/plan/validate.ts';

const steps = [{ name: 'a', needs: ['d'] }, { name: 'b', needs: ['a'] }, { name: 'c' }, { name: 'd' }];

describe('the steps of a run', () => {
  it.each([
    [{}, { forced: [] }],
    [{ force: true }, { forced: ['a', 'b', 'c', 'd'] }],
    [{ only: ['c'] }, { forced: [], selected: ['c'] }],
    [
      { only: ['b'], force: true },
      { forced: ['b'], selected: ['a', 'b', 'd'] },
    ],
    [
      { from: 'd', only: ['c'] },
      { forced: [], selected: ['c', 'd'] },
    ],
    [{ from: 'c' }, { forced: [], selected: ['c', 'd'] }],
    [
      { from: 'b', force: true },
      { forced: ['b', 'c', 'd'], selected: ['a', 'b', 'c', 'd'] },
    ],
  ])('with %j are %j', (run, expected) => expect(selectSteps(steps, run)).toEqual(expected));
});

describe('the run of a plan', () => {
  const plan = { target: { host: 'h' }, steps: steps.map((step) => ({ ...step, script: 'x' })) };
  it.each<[run: object, path: string, message: string]>([
    [{ only: ['c', 'e'] }, 'run.only[1]', 'there is no step "e"'],
    [{ from: 'e' }, 'run.from', 'there is no step "e"'],
    [{ only: [] }, 'run.only', 'must not be empty'],
    [{ forse: true }, 'run.forse', 'is not a known key; did you mean "force"?'],
  ])('that is %j has a problem', (run, path, message) => {
    expect(validatePlan({ ...plan, run }).problems).toEqual([{ path, message }]);
  });
});
