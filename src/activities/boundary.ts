import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError } from '../domain/failure.ts';

/** What a failure carries to the workflow, the UI and other languages. */
export interface FailureDetails {
  readonly code: string;
  /** What happened, without the advice. */
  readonly message: string;
  readonly advice: string;
  readonly host?: string;
  readonly step?: string;
  readonly exitCode?: number;
  readonly logTail?: string;
}

/** What a host says may be long; the engine bounds a failure. */
const MAX_MESSAGE_LENGTH = 8000;

/** The one conversion of our failures to the engine's: type = code, non-retryable unless the code says otherwise. */
export function toTemporalFailure(error: unknown): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (!(error instanceof ChandlerError)) return error;
  const { logTail, step, host, exitCode } = error.facts;
  const details: FailureDetails = {
    code: error.code,
    message: boundedText(error.message, MAX_MESSAGE_LENGTH),
    advice: error.advice,
    ...(host !== undefined && { host }),
    ...(step !== undefined && { step }),
    ...(exitCode !== undefined && { exitCode }),
    ...(logTail !== undefined && { logTail }),
  };
  return ApplicationFailure.create({
    // The first line of a failure in the UI tells what to do, too.
    message: `${details.message}. ${error.advice}`,
    type: error.code,
    nonRetryable: !error.retryable,
    details: [details],
  });
}
