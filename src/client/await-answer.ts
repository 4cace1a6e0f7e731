import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import { ChandlerError, failureCodes, isFailureCode } from '../domain/run/failure.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { isSdkError } from './sdk-errors.ts';
import { pollersOf, QUEUE } from './server-reports.ts';
import type { AskOptions, RunFailure } from './types.ts';

/**
 * After this time without a worker, give up: a live worker takes a task within milliseconds. Longer than {@link TASK_TIMEOUT_MS}.
 */
const TAKEN_UP_WITHIN_MS = 10_000;
/** After this time without a worker, call `onWaiting`. */
const WAITING_AFTER_MS = 1_500;
/** Extra time if no worker has polled lately: after a restart of the server, workers return soon. */
const POLLED_WITHIN_MS = 2_500;
/** After this time the server gives the task of a lost worker to another one. */
export const TASK_TIMEOUT_MS = 5_000;

/**
 * Returns the result of a short workflow. If no worker takes it, it is terminated, so that it does not run much later, when a
 * worker starts. `signal` terminates it, too.
 *
 * @throws ChandlerError no-worker, or the code of its failure; the signal's reason
 */
export async function answerOf<T>(
  asked: WorkflowHandle,
  answer: Promise<T>,
  { signal, onWaiting }: AskOptions = {},
): Promise<T> {
  const over = new AbortController();
  let withdrawn: unknown;
  const withdraw = async (why: string, reason: unknown): Promise<never> => {
    withdrawn = reason;
    await asked.terminate(why);
    throw reason;
  };
  const noWorker = async (): Promise<T> => {
    let seen = 1;
    await delay(WAITING_AFTER_MS, undefined, { ref: false, signal: over.signal });
    const { raw: first, taskQueue } = await asked.describe();
    if (first.pendingWorkflowTask && !first.pendingWorkflowTask.startedTime) {
      onWaiting?.(taskQueue);
      await delay(POLLED_WITHIN_MS, undefined, { ref: false, signal: over.signal });
      // Workers that have polled in the last minutes.
      const pollers = await pollersOf(asked.client, taskQueue, QUEUE.workflow);
      if (pollers.size === 0) {
        const message = `no worker serves the task queue ${oneLine(taskQueue)}`;
        return withdraw('no worker polls the task queue', new ChandlerError('no-worker', message));
      }
    }
    for (;;) {
      await delay(TAKEN_UP_WITHIN_MS, undefined, { ref: false, signal: over.signal });
      const { raw } = await asked.describe();
      // After that time only its very first workflow task can still be waiting.
      const { pendingWorkflowTask: waiting } = raw;
      if (!waiting) return answer;
      const attempt = waiting.attempt ?? 1;
      const refusal = attempt > 1 ? await findRefusal(asked) : undefined;
      // A task that was given to a lost worker gets another attempt by then.
      if (refusal !== undefined || (!waiting.startedTime && attempt <= seen)) {
        const why = refusal ?? 'none is running';
        const error = new ChandlerError('no-worker', `no worker has accepted the request: ${why}`);
        return withdraw('no worker has accepted it', error);
      }
      seen = attempt;
    }
  };
  const givenUp = async (): Promise<T> => {
    await new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { signal: over.signal });
      if (signal?.aborted) resolve();
    });
    return withdraw('the caller stopped waiting', signal?.reason);
  };
  try {
    return await Promise.race([answer, noWorker(), givenUp()]);
  } catch (error) {
    // The workflow's end may arrive before `withdraw` throws.
    throw withdrawn ?? failureOfAnswer(error);
  } finally {
    over.abort();
  }
}

/** Why workers fail the first task of a workflow; undefined if none has failed. */
async function findRefusal(asked: WorkflowHandle): Promise<string | undefined> {
  const { events } = await asked.fetchHistory();
  const [refused] = (events ?? []).flatMap((event) => event.workflowTaskFailedEventAttributes ?? []);
  const why = oneLine(refused?.failure?.message ?? 'no reason was reported');
  return refused && `workers fail at it (${why}): are they older than this program?`;
}

/** The failure of the workflow, as a ChandlerError. */
function failureOfAnswer(error: unknown): unknown {
  if (!isSdkError(error, 'WorkflowFailedError')) return error;
  if (isSdkError(error.cause, 'TimeoutFailure'))
    return new ChandlerError('no-worker', 'no worker has answered in time', { cause: error });
  const { code, message, advice } = readFailedEnd(error);
  return new ChandlerError(code, message, { cause: error, facts: { advice } });
}

/** How a workflow that did not succeed ended. */
export function readFailedEnd(error: WorkflowFailedError): RunFailure {
  const cause = isSdkError(error.cause, 'ActivityFailure') ? error.cause.cause : error.cause;
  if (isSdkError(cause, 'ApplicationFailure') && isFailureCode(cause.type)) {
    const details = (cause.details?.[0] ?? {}) as Partial<RunFailure>;
    return { code: cause.type, message: cause.message, advice: failureCodes[cause.type].advice, ...details };
  }
  // Cancelled, terminated or timed out by the server.
  const text =
    cause && cause.message !== error.message ? `${error.message}: ${cause.message}` : error.message;
  const message = isSdkError(cause, 'TerminatedFailure') ? `terminated: ${text}` : text;
  return { code: 'aborted', message, advice: failureCodes.aborted.advice };
}
