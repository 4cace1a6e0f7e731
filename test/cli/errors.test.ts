import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { CliError, explainError } from '../../src/cli/errors.ts';
import { ChandlerError } from '../../src/domain/run/failure.ts';

/** As the SDK's client throws it: its own words, and the answer of the server as the cause. */
function refused(code: number, details: string): Error {
  const cause = Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} });
  return new ServiceError('Failed to query Workflow', { cause });
}

const GONE = 'the Temporal server does not answer any more; steps on hosts continue without it';
const REFUSED = 'the Temporal server refuses the request: ';
const NO_WORKER = 'no worker answers for this run; start one with: chandler worker';

test.each([
  ['deadline seen by the client', refused(4, 'Deadline exceeded'), 1, 'no-worker', NO_WORKER],
  ['deadline seen by the server', refused(1, 'Call cancelled'), 1, 'no-worker', NO_WORKER],
  ['nothing polls', refused(9, 'no poller seen for task queue recently'), 1, 'no-worker', NO_WORKER],
  ['no server', refused(14, 'connect refused'), 5, 'unreachable', GONE],
  ['a bad query', refused(3, 'invalid query: x\ny'), 2, 'usage', `${REFUSED}invalid query: x y`],
  ['no permission', refused(7, 'not yours'), 1, 'no-permission', expect.stringContaining('not yours')],
  ['another answer', refused(12, 'unknown'), 1, 'failed', 'Failed to query Workflow: 12 unknown'],
  [
    'no run',
    new WorkflowNotFoundError('not found', 'x', undefined),
    2,
    'not-found',
    expect.stringMatching(/^no run with the id x;/),
  ],
  ['our own end', new CliError(2, 'no such file'), 2, 'usage', 'no such file'],
  ['our own end, with a code', new CliError(1, 'nobody', { code: 'no-worker' }), 1, 'no-worker', 'nobody'],
  ['a message refused', new ChandlerError('invalid-input', 'it is over'), 2, 'invalid-input', 'it is over'],
  [
    'no worker installed',
    Object.assign(new Error("Cannot find package '@temporalio/worker' imported from /x/dist/worker.js"), {
      code: 'ERR_MODULE_NOT_FOUND',
    }),
    1,
    'failed',
    expect.stringMatching(/^this installation has no worker,/),
  ],
  ['no error at all', 'odd', 1, 'failed', 'odd'],
])('%s', (_, error, exitCode, code, text) => {
  expect(explainError(error)).toEqual({ exitCode, code, text: text as string });
});
