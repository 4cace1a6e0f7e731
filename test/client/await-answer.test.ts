import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { readFailedEnd } from '../../src/client/await-answer.ts';

describe('the end of a run that its server ended', () => {
  it.each([
    ['terminated', 'because', new TerminatedFailure('because'), 'terminated: because'],
    [
      'cancelled',
      'Workflow execution cancelled',
      new CancelledFailure('now'),
      'Workflow execution cancelled: now',
    ],
    ['timed out', 'Workflow execution timed out', undefined, 'Workflow execution timed out'],
  ])('names its reason once if it was %s', (_, message, cause, expected) => {
    const error = new WorkflowFailedError(message, cause, 'NON_RETRYABLE_FAILURE');
    expect(readFailedEnd(error)).toMatchObject({ code: 'aborted', message: expected });
  });
});
