import { expect, test } from 'vitest';
import { nextTry } from '../../src/cli/tries.ts';
import type { PartState } from '../../src/domain/status.ts';

test.each<[PartState, number, boolean, ReturnType<typeof nextTry>]>([
  ['running', 1, false, undefined],
  ['retrying', 1, false, undefined],
  ['pending', 1, false, undefined],
  ['running', 2, false, { generation: 2 }],
  // One after another, also when there have been more since.
  ['parked', 4, false, { generation: 2 }],
  ['succeeded', 2, true, { generation: 2 }],
  ['parked', 1, false, { generation: undefined, end: 'it has failed (exit 3) and waits for a person' }],
  ['failed', 1, false, { generation: undefined, end: 'it is over: failed (exit 3)' }],
  ['skipped', 1, false, { generation: undefined, end: 'it is over: skipped (exit 3)' }],
  ['retrying', 1, true, { generation: undefined, end: 'it is over: retrying (exit 3)' }],
])('after try 1 of a part that is %s, try %d, in a run that is over: %j', (state, generation, over, next) => {
  const status = over ? { endedAtMs: 1 } : {};
  expect(nextTry(status, { state, generation, exitCode: 3 }, 1)).toEqual(next);
});
