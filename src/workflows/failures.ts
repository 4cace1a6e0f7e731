import { ActivityFailure, ApplicationFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';
import { boundedText } from '../domain/bounded-text.ts';
import { failureCodes, isFailureCode, MAX_MESSAGE_LENGTH, type FailureCode } from '../domain/failure.ts';
import type { PartFailure } from '../domain/status.ts';

/** What an activity's failure says, in our words. Cancellation is not a failure: it is thrown on. */
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
  if (cause instanceof ApplicationFailure) {
    return failureOf('internal-error', boundedText(`${cause.type}: ${cause.message}`, MAX_MESSAGE_LENGTH));
  }
  if (cause instanceof TimeoutFailure) {
    // What the last try died of says more than that time ran out.
    if (cause.cause instanceof ApplicationFailure) return readFailure(cause.cause);
    return {
      code: 'host-unreachable',
      message: `no answer in time (${cause.timeoutType})`,
      advice: failureCodes['host-unreachable'].advice,
    };
  }
  throw error;
}

/** True when an activity used up the time it was given, whatever it tried last. */
export function ranOutOfTime(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    (error.cause instanceof TimeoutFailure || error.retryState === 'TIMEOUT')
  );
}

/** A failure of the workflow itself. */
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
