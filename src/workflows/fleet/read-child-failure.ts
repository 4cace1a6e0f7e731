import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
} from '@temporalio/workflow';
import { MAX_FAILURE_LENGTH, type HostFailure } from '../../domain/fleet/host-report.ts';
import { isFailureCode, messageOf } from '../../domain/run/failure.ts';
import { boundedText } from '../../domain/text/bounded-text.ts';

/** Why the run of a host failed, by the error of its child workflow. */
export function readChildFailure(error: unknown): HostFailure {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) {
    const [details] = (cause.details ?? []) as readonly Partial<HostFailure>[];
    return { code: cause.type, message: boundedText(details?.message ?? cause.message, MAX_FAILURE_LENGTH) };
  }
  if (cause instanceof TerminatedFailure) return { code: 'aborted', message: 'its run was terminated' };
  if (cause instanceof CancelledFailure) return { code: 'aborted', message: 'its run was cancelled' };
  return { code: 'internal-error', message: boundedText(messageOf(cause), MAX_FAILURE_LENGTH) };
}
