import { expect, test } from 'vitest';
import {
  batchQuery,
  chooseSteps,
  renderOutcome,
  renderTotals,
} from '../../../src/cli/actions/action-batch.ts';
import type { ActionOutcome } from '../../../src/cli/output/outputs.ts';
import { makeStatus } from '../make-status.ts';

const retry = { name: 'retryStep', input: {} } as const;
const extend = { name: 'extendTimeout', input: { by: '10m' } } as const;

test('an action goes to every step of a run for which it is suitable', () => {
  expect(chooseSteps(retry, makeStatus(), undefined)).toEqual({ steps: ['network'] });
  expect(chooseSteps(extend, makeStatus(), undefined)).toEqual({ steps: ['packages', 'network', 'site'] });
  expect(chooseSteps({ name: 'pause', input: {} }, makeStatus(), undefined)).toEqual({ steps: [] });
});

test('an action on a named step goes only to that step, if it is suitable', () => {
  expect(chooseSteps(extend, makeStatus(), 'site')).toEqual({ steps: ['site'] });
  expect(chooseSteps(retry, makeStatus(), 'site')).toEqual({ steps: [], reason: 'no step is parked' });
  expect(chooseSteps(retry, makeStatus(), 'sita')).toEqual({ steps: [], reason: 'there is no step "sita"' });
});

test('--force makes a retry suitable for more steps only if the step is named', () => {
  const forced = { name: 'retryStep', input: { force: true } } as const;
  expect(chooseSteps(forced, makeStatus(), 'packages')).toEqual({ steps: ['packages'] });
  expect(chooseSteps(forced, makeStatus(), undefined)).toEqual({ steps: ['network'] });
});

test('a parked finalizer is retried by its step', () => {
  const parked = { state: 'parked', attempt: 1 } as const;
  const steps = [{ name: 'site', state: 'succeeded', attempt: 1, finalizer: parked } as const];
  expect(chooseSteps(retry, makeStatus({ steps: [...steps] }), undefined)).toEqual({ steps: ['site'] });
});

test.each<[ActionOutcome, string]>([
  [{ id: 'a:1', action: 'retry', steps: ['x', 'y'], outcome: 'accepted' }, 'a:1: retry x, y: accepted'],
  [{ id: 'a:1', action: 'abort', steps: [], outcome: 'would-be-sent' }, 'a:1: abort: would be sent'],
  [
    { id: 'a\n\u001b[2J', action: 'pause', steps: [], outcome: 'refused', reason: 'it is\npaused' },
    'a : pause: refused: it is paused',
  ],
  [
    { id: 'a:1', action: 'pause', steps: [], outcome: 'unknown', reason: 'no answer in time' },
    'a:1: pause: unknown: no answer in time',
  ],
])('%j is reported in one line', (outcome, line) => {
  expect(renderOutcome(outcome)).toBe(line);
});

test('the totals count each outcome', () => {
  const outcomes = (['accepted', 'accepted', 'refused', 'nothing-to-do'] as const).map((outcome) => ({
    id: 'x',
    action: 'retry',
    steps: [],
    outcome,
  }));
  expect(renderTotals(outcomes)).toBe('4 runs: 2 accepted, 1 refused, 1 with nothing to do');
});

test('a fleet becomes a quoted query and is combined with another query', () => {
  expect(batchQuery({})).toBeUndefined();
  expect(batchQuery({ fleet: 'web' })).toBe("ChandlerFleet = 'web'");
  expect(batchQuery({ fleet: "a' OR 'b\\" })).toBe("ChandlerFleet = 'a\\' OR \\'b\\\\'");
  expect(batchQuery({ fleet: 'web', query: 'A = 1 OR B = 2' })).toBe(
    "ChandlerFleet = 'web' AND (A = 1 OR B = 2)",
  );
  expect(() => batchQuery({ query: ' ' })).toThrow('--query is empty');
});
