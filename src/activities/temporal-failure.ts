import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { definedOnly } from '../domain/defined-only.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import type { Target } from '../domain/plan/schema.ts';
import type { PartFailure } from '../domain/run/status.ts';

/** What a failure carries to the workflow, the UI and SDKs of other languages. */
export interface FailureDetails extends PartFailure {
  readonly host?: string;
  readonly step?: string;
  readonly notes?: readonly string[];
}

/**
 * In characters. A host may print long texts, and a status has a failure for each part. With these bounds and that of a log's end
 * (see wait-for-end.ts) a status stays below the server's limit of 2 MB for a payload even if all parts fail.
 */
const MAX_MESSAGE_LENGTH = 1000;
const MAX_ADVICE_LENGTH = 1500;

/** The one conversion to Temporal's failures: type = code, non-retryable unless the code says otherwise. */
export function toTemporalFailure(error: unknown, target?: Target): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (!(error instanceof ChandlerError)) return error;
  const details = detailsOf(error, target);
  return ApplicationFailure.create({
    // The UI shows the first line of a failure, so it includes the advice.
    message: `${details.message}. ${details.advice}`,
    type: error.code,
    nonRetryable: !error.retryable,
    ...(error.facts.retryAfterMs !== undefined && { nextRetryDelay: error.facts.retryAfterMs }),
    details: [details],
  });
}

/** The details of a failure, bounded. Its message always names the host. */
export function detailsOf(error: ChandlerError, target?: Target): FailureDetails {
  const { logTail, step, host, exitCode, notes } = error.facts;
  const isNamed = target === undefined || error.message.includes(target.host);
  const message = isNamed ? error.message : `${addressOf(target)}: ${error.message}`;
  return definedOnly({
    code: error.code,
    message: boundedText(message, MAX_MESSAGE_LENGTH),
    advice: boundedText(error.advice, MAX_ADVICE_LENGTH),
    host,
    step,
    exitCode,
    logTail,
    notes,
  });
}
