import { setMaxListeners } from 'node:events';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { ADVANCED_BY_QUERY, overMark } from '../workflows/sdk/fail-after-query.ts';
import { reasonOf } from '../domain/run/failure.ts';
import { findPause } from './pauses.ts';

/** Longer than a live worker takes, which answers within milliseconds. */
const ASK_AGAIN_MS = 1500;
const ASK_AT_MOST = 4;
/** How long to repeat a query that a workflow task is ahead of: the server redelivers the task of a dead worker after 10 s. */
const BEHIND_AT_MOST_MS = 30_000;
/** The server's answer between a failed workflow task and its redelivery, which usually follows at once. */
const FAILED_TASK = 'Workflow Task in failed state';
const FAILED_TASK_AT_MOST_MS = 3_000;

/**
 * Queries a run. For up to a minute the server delivers queries to a worker whose machine is gone, which answers none of them. So
 * a query without an early answer is sent again, while the first still waits; the first answer or refusal counts. A run that was
 * terminated before it handled its latest events is asked for its state before them.
 *
 * @throws RunPausedError while Temporal's workflow pause holds the run
 */
export async function askRun<T>(
  temporal: Client,
  workflowId: string,
  query: string,
  ...input: readonly [] | readonly [unknown]
): Promise<T> {
  let run = temporal.workflow.getHandle(workflowId);
  let marks: readonly string[] = [];
  const over = new AbortController();
  // For each request the SDK adds a listener, which lives as long as this signal. Node warns of more than ten.
  setMaxListeners(0, over.signal);
  const beganMs = performance.now();
  let again: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const ask = (times: number): void => {
        if (times < ASK_AT_MOST) again = setTimeout(ask, ASK_AGAIN_MS, times + 1);
        temporal
          .withAbortSignal(over.signal, () => run.query<T, unknown[]>(query, ...marks, ...input))
          .then(resolve, (error: unknown) => handle(error, times).catch(reject));
      };
      const handle = async (error: unknown, times: number): Promise<void> => {
        if (over.signal.aborted || performance.now() - beganMs >= retryableMs(error)) throw error;
        clearTimeout(again);
        const closedId = isBehind(error) && marks.length === 0 ? await findClosed(run) : undefined;
        if (over.signal.aborted) throw error;
        if (closedId === undefined) again = setTimeout(ask, ASK_AGAIN_MS, times);
        else {
          // Only this run: the id may belong to a later one soon.
          run = temporal.workflow.getHandle(workflowId, closedId);
          marks = [overMark(closedId)];
          ask(times);
        }
      };
      ask(1);
    });
  } catch (error) {
    // Recognised by name, because loading the class would load the whole SDK, which takes long.
    const isRejected = error instanceof Error && error.name === 'QueryRejectedError';
    throw (isRejected && (await findPause(temporal, workflowId))) || error;
  } finally {
    clearTimeout(again);
    over.abort();
  }
}

/** The run id, if the run is over. */
async function findClosed(run: Pick<WorkflowHandle, 'describe'>): Promise<string | undefined> {
  const { closeTime, runId } = await run.describe();
  return closeTime === undefined ? undefined : runId;
}

/** How long to repeat a query that failed with this error; 0 if the error is final. The server's own text is in the cause. */
function retryableMs(error: unknown): number {
  if (isBehind(error)) return BEHIND_AT_MOST_MS;
  return reasonOf(error).includes(FAILED_TASK) ? FAILED_TASK_AT_MOST_MS : 0;
}

function isBehind(error: unknown): boolean {
  return reasonOf(error).includes(ADVANCED_BY_QUERY);
}
