import { expect, test } from 'vitest';
import {
  chooseSteps,
  isParked,
  mayRun,
  renderOutcome,
  renderSum,
  orderQuery,
  type OrderOutcome,
} from '../../src/cli/orders.ts';
import { makeStatus } from './make-status.ts';

const retry = { fits: isParked, unfit: 'nothing is parked' };
const extend = { fits: mayRun, unfit: 'nothing of it will run any more' };

test('an order goes to every step of a run that it fits', () => {
  expect(chooseSteps(retry, makeStatus(), undefined)).toEqual({ steps: ['network'] });
  expect(chooseSteps(extend, makeStatus(), undefined)).toEqual({ steps: ['packages', 'network', 'site'] });
  expect(chooseSteps({}, makeStatus(), undefined)).toEqual({ steps: [] });
});

test('an order to one step goes to that one, if it fits', () => {
  expect(chooseSteps(extend, makeStatus(), 'site')).toEqual({ steps: ['site'] });
  expect(chooseSteps(retry, makeStatus(), 'site')).toEqual({ steps: [], reason: 'nothing is parked' });
  expect(chooseSteps(retry, makeStatus(), 'sita')).toEqual({ steps: [], reason: 'there is no step "sita"' });
});

test('a parked finalizer is retried by its step', () => {
  const parked = { state: 'parked', generation: 1 } as const;
  const steps = [{ name: 'site', state: 'succeeded', generation: 1, finalizer: parked } as const];
  expect(chooseSteps(retry, makeStatus({ steps: [...steps] }), undefined)).toEqual({ steps: ['site'] });
});

test.each<[OrderOutcome, string]>([
  [{ id: 'a:1', action: 'retry', steps: ['x', 'y'], outcome: 'taken' }, 'a:1: retry x, y: taken'],
  [{ id: 'a:1', action: 'abort', steps: [], outcome: 'would-be-sent' }, 'a:1: abort: would be sent'],
  [
    { id: 'a\n\u001b[2J', action: 'pause', steps: [], outcome: 'refused', reason: 'it is\npaused' },
    'a : pause: not taken: it is paused',
  ],
  [
    { id: 'a:1', action: 'pause', steps: [], outcome: 'unknown', reason: 'no answer in time' },
    'a:1: pause: unknown: no answer in time',
  ],
])('%j is told in a line', (outcome, line) => {
  expect(renderOutcome(outcome)).toBe(line);
});

test('the sum counts each kind', () => {
  const outcomes = (['taken', 'taken', 'refused', 'nothing-to-do'] as const).map((outcome) => ({
    id: 'x',
    action: 'retry',
    steps: [],
    outcome,
  }));
  expect(renderSum(outcomes)).toBe('4 runs: 2 taken, 1 not taken, 1 with nothing to do');
});

test('a fleet is a query, quoted, and joins another one', () => {
  expect(orderQuery({})).toBeUndefined();
  expect(orderQuery({ fleet: 'web' })).toBe("ChandlerFleet = 'web'");
  expect(orderQuery({ fleet: "a' OR 'b\\" })).toBe("ChandlerFleet = 'a\\' OR \\'b\\\\'");
  expect(orderQuery({ fleet: 'web', query: 'A = 1 OR B = 2' })).toBe(
    "ChandlerFleet = 'web' AND (A = 1 OR B = 2)",
  );
  expect(() => orderQuery({ query: ' ' })).toThrow('--query is empty');
});
