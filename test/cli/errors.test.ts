import { ServiceError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { CliError, explainError } from '../../src/cli/errors.ts';
import { ChandlerError } from '../../src/domain/failure.ts';

/** As the SDK's client throws it: its own words, and the answer of the server as the cause. */
function refused(code: number, details: string): Error {
  const cause = Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} });
  return new ServiceError('Failed to query Workflow', { cause });
}

const NO_WORKER = 'no worker answers for this run; start one with: chandler worker';

test.each([
  ['deadline seen by the client', refused(4, 'Deadline exceeded'), 1, NO_WORKER],
  ['deadline seen by the server', refused(1, 'Call cancelled'), 1, NO_WORKER],
  ['nothing polls', refused(9, 'no poller seen for task queue recently'), 1, NO_WORKER],
  ['no server', refused(14, 'connect refused'), 5, 'the Temporal server does not answer any more'],
  ['another answer', refused(7, 'no permission'), 1, 'Failed to query Workflow: 7 no permission'],
  ['our own end', new CliError(2, 'no such file'), 2, 'no such file'],
  ['a message refused', new ChandlerError('invalid-input', 'the run is over'), 2, 'the run is over'],
  ['no error at all', 'odd', 1, 'odd'],
])('%s', (_, error, exitCode, text) => {
  expect(explainError(error)).toEqual({ exitCode, text });
});
