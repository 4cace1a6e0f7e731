import { ActivityFailure, ApplicationFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';
import { boundedText } from '../domain/text/bounded-text.ts';
import { failureCodes, isFailureCode, MAX_MESSAGE_LENGTH, type FailureCode } from '../domain/run/failure.ts';
import type { PartFailure } from '../domain/run/status.ts';

/**
 * Converts the failure of an activity.
 *
 * @throws the error itself if it is a cancellation or not the failure of an activity
 */
export function readFailure(error: unknown): PartFailure {
  if (isCancellation(error)) throw error;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) {
    const details = (cause.details?.[0] ?? {}) as Partial<PartFailure>;
    return {
      code: cause.type,
      message: details.message ?? cause.message,
      advice: details.advice ?? failureCodes[cause.type].advice,
      ...(details.exitCode !== undefined && { exitCode: details.exitCode }),
      ...(details.logTail !== undefined && { logTail: details.logTail }),
    };
  }
  if (isOperatorStop(cause)) {
    return {
      ...failureOf('no-worker', `an operator paused the activity (Temporal's activity pause)`),
      advice: 'Unpause it: in the UI under Pending Activities, or with `temporal activity unpause`.',
    };
  }
  if (cause instanceof ApplicationFailure) {
    return failureOf('internal-error', boundedText(`${cause.type}: ${cause.message}`, MAX_MESSAGE_LENGTH));
  }
  if (cause instanceof TimeoutFailure) {
    // The failure of the last attempt is more specific than the timeout.
    if (cause.cause instanceof ApplicationFailure) return readFailure(cause.cause);
    if (neverRan(error))
      return failureOf(
        'no-worker',
        `no worker began it in time (${cause.timeoutType}): none had a free slot, or an operator paused it`,
      );
    if (isWorkerSilent(cause))
      return failureOf(
        'no-worker',
        `the worker went silent, and no other took over in time (${cause.timeoutType})`,
      );
    return {
      code: 'host-unreachable',
      message: `no answer in time (${cause.timeoutType})`,
      advice:
        'Check that the host is up, that host, port and network path are right, and that nothing on the host hangs (a login, a file system, a tool).',
    };
  }
  throw error;
}

/** The notes that come with the failure of a launch, see `notesOf`. */
export function readNotes(error: unknown): readonly string[] | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  return (cause.details?.[0] as { readonly notes?: readonly string[] } | undefined)?.notes;
}

/** Whether an activity ran out of time before a worker began it. An attempt that runs out of time has sent a heartbeat. */
export function neverRan(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof TimeoutFailure) || cause.cause || cause.lastHeartbeatDetails !== undefined)
    return false;
  return cause.timeoutType === 'SCHEDULE_TO_START' || cause.timeoutType === 'SCHEDULE_TO_CLOSE';
}

/** Whether the last attempt ended because its worker sent no heartbeat. */
function isWorkerSilent({ timeoutType, cause }: TimeoutFailure): boolean {
  return timeoutType === 'HEARTBEAT' || (cause instanceof TimeoutFailure && isWorkerSilent(cause));
}

/** Whether an activity used up its whole schedule-to-close timeout, however its last attempt ended. */
export function ranOutOfTime(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause, retryState } = error;
  return (
    retryState === 'TIMEOUT' || (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_CLOSE')
  );
}

/** Whether time ran out and no attempt had failed before that. */
export function hasTimeoutOnly(error: unknown): boolean {
  if (!ranOutOfTime(error) || !(error instanceof ActivityFailure)) return false;
  return error.cause instanceof TimeoutFailure && !(error.cause.cause instanceof ApplicationFailure);
}

/** Whether Chandler itself is at fault, so that another attempt would fail alike. */
export function isFault(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const { cause } = error;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true && !isFailureCode(cause.type);
}

/**
 * Whether an attempt was cut off: its worker died or stopped, or an operator paused or reset the activity. That is not a failure of
 * the host, which is asked again.
 */
export function wasCutOff(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || ranOutOfTime(error)) return false;
  const { cause } = error;
  if (cause instanceof TimeoutFailure) return cause.timeoutType === 'HEARTBEAT';
  return isOperatorStop(cause) || (cause instanceof ApplicationFailure && cause.type === 'WorkerShutdown');
}

/** The SDK fails an attempt with these types on Temporal's activity pause and reset. */
function isOperatorStop(cause: unknown): boolean {
  return (
    cause instanceof ApplicationFailure && (cause.type === 'ActivityPause' || cause.type === 'ActivityReset')
  );
}

export function workflowFailure(
  failure: PartFailure,
  details: Record<string, unknown> = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    message: boundedText(`${failure.message}. ${failure.advice}`, MAX_MESSAGE_LENGTH),
    type: failure.code,
    nonRetryable: true,
    details: [{ ...failure, ...details }],
  });
}

export function failureOf(code: FailureCode, message: string): PartFailure {
  return { code, message, advice: failureCodes[code].advice };
}
