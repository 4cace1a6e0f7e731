import { expect, test } from 'vitest';
import { nextAttempt } from '../../../src/cli/live/part-attempts.ts';
import type { PartState } from '../../../src/domain/run/status.ts';

test.each<[PartState, number, boolean, ReturnType<typeof nextAttempt>]>([
  ['running', 1, false, undefined],
  ['retrying', 1, false, undefined],
  ['pending', 1, false, undefined],
  ['running', 2, false, { attempt: 2 }],
  // One after another, also when there have been more since.
  ['parked', 4, false, { attempt: 2 }],
  ['succeeded', 2, true, { attempt: 2 }],
  ['parked', 1, false, { attempt: undefined, end: 'it failed (exit 3) and needs attention' }],
  ['failed', 1, false, { attempt: undefined, end: 'it is over: failed (exit 3)' }],
  ['skipped', 1, false, { attempt: undefined, end: 'it is over: skipped (exit 3)' }],
  ['retrying', 1, true, { attempt: undefined, end: 'it is over: retrying (exit 3)' }],
])(
  'after attempt 1 of a part that is %s, attempt %d, in a run that is over: %j',
  (state, attempt, over, next) => {
    const status = over ? { endedAtMs: 1 } : {};
    expect(nextAttempt(status, { state, attempt, exitCode: 3 }, 1)).toEqual(next);
  },
);
