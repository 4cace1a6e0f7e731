import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import type { Target } from '../domain/schema.ts';
import type { PartFailure } from '../domain/status.ts';

/** What a failure carries to the workflow, the UI and other languages. */
export interface FailureDetails extends PartFailure {
  readonly host?: string;
  readonly step?: string;
}

/**
 * Characters. What a host says may be long, and a status tells of every step and finalizer: with these bounds and that of
 * a log's end (see launches.ts) it stays under the engine's 2 MB for a payload when all of them fail.
 */
const MAX_MESSAGE_LENGTH = 1000;
const MAX_ADVICE_LENGTH = 1500;

/** The one conversion of our failures to the engine's: type = code, non-retryable unless the code says otherwise. */
export function toTemporalFailure(error: unknown, target?: Target): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (!(error instanceof ChandlerError)) return error;
  const details = detailsOf(error, target);
  return ApplicationFailure.create({
    // The first line of a failure in the UI tells what to do, too.
    message: `${details.message}. ${details.advice}`,
    type: error.code,
    nonRetryable: !error.retryable,
    details: [details],
  });
}

/** What a failure tells, bounded. Its message names the host, whatever went wrong with it. */
export function detailsOf(error: ChandlerError, target?: Target): FailureDetails {
  const { logTail, step, host, exitCode } = error.facts;
  const isNamed = target === undefined || error.message.includes(target.host);
  const message = isNamed ? error.message : `${addressOf(target)}: ${error.message}`;
  return {
    code: error.code,
    // Without the advice.
    message: boundedText(message, MAX_MESSAGE_LENGTH),
    advice: boundedText(error.advice, MAX_ADVICE_LENGTH),
    ...(host !== undefined && { host }),
    ...(step !== undefined && { step }),
    ...(exitCode !== undefined && { exitCode }),
    ...(logTail !== undefined && { logTail }),
  };
}
