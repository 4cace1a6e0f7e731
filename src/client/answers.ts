import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { setTimeout as delay } from 'node:timers/promises';
import { ChandlerError, failureCodes, isFailureCode } from '../domain/failure.ts';
import { oneLine } from '../domain/terminal.ts';
import type { RunFailure } from './types.ts';

/** A worker that is there takes a question up within milliseconds. More than the engine waits for one that took it. */
const TAKEN_UP_WITHIN_MS = 10_000;
/** Of a question: what was given to a worker that is gone is given to another one that soon. */
export const TASK_TIMEOUT_MS = 5_000;

/**
 * What a short workflow that was asked something answers. One that nobody takes up is withdrawn: whoever starts a worker
 * later has no use for it. With `signal` it is ended, too: there is nothing in it that must come to its end.
 *
 * @throws ChandlerError no-worker, or the code of its failure; the signal's reason
 */
export async function answerOf<T>(
  asked: WorkflowHandle,
  answer: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  let withdrawn: unknown;
  const withdraw = async (why: string, reason: unknown): Promise<never> => {
    withdrawn = reason;
    await asked.terminate(why);
    throw reason;
  };
  const nobody = async (): Promise<T> => {
    let seen = 1;
    for (;;) {
      await delay(TAKEN_UP_WITHIN_MS, undefined, { ref: false, signal: over.signal });
      const { raw } = await asked.describe();
      // Only the very first of its tasks can still be waiting after that time.
      const { pendingWorkflowTask: waiting } = raw;
      if (!waiting) return answer;
      const attempt = waiting.attempt ?? 1;
      const refusal = attempt > 1 ? await findRefusal(asked) : undefined;
      // One that was given to a worker that is gone has another attempt now, or soon.
      if (refusal !== undefined || (!waiting.startedTime && attempt <= seen)) {
        const why = refusal ?? 'none is there';
        const error = new ChandlerError('no-worker', `no worker has taken the question up: ${why}`);
        return withdraw('no worker has taken it up', error);
      }
      seen = attempt;
    }
  };
  const givenUp = async (): Promise<T> => {
    await new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { signal: over.signal });
      if (signal?.aborted) resolve();
    });
    return withdraw('nobody waits for it any more', signal?.reason);
  };
  try {
    return await Promise.race([answer, nobody(), givenUp()]);
  } catch (error) {
    // Its end by us may be heard of before we are done with it.
    throw withdrawn ?? failureOfAnswer(error);
  } finally {
    over.abort();
  }
}

/** Why a worker could not do the first task of a workflow; nothing if no worker has said so. */
async function findRefusal(asked: WorkflowHandle): Promise<string | undefined> {
  const { events } = await asked.fetchHistory();
  const [refused] = (events ?? []).flatMap((event) => event.workflowTaskFailedEventAttributes ?? []);
  const why = oneLine(refused?.failure?.message ?? 'no reason is told');
  return refused && `workers fail at it (${why}): are they older than this?`;
}

/** What a question failed with, in our words. */
function failureOfAnswer(error: unknown): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  if (error.cause instanceof TimeoutFailure)
    return new ChandlerError('no-worker', 'no worker has answered in time', { cause: error });
  const { code, message, advice } = readFailedEnd(error);
  return new ChandlerError(code, message, { cause: error, facts: { advice } });
}

/** How a workflow that did not succeed ended, in the words of its own failure. */
export function readFailedEnd(error: WorkflowFailedError): RunFailure {
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) {
    const details = (cause.details?.[0] ?? {}) as Partial<RunFailure>;
    return { code: cause.type, message: cause.message, advice: failureCodes[cause.type].advice, ...details };
  }
  // Cancelled, terminated or timed out by the engine.
  const message = `${error.message}${cause ? `: ${cause.message}` : ''}`;
  return { code: 'aborted', message, advice: failureCodes.aborted.advice };
}
