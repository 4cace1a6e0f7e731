import type { Client } from '@temporalio/client';
import { WENT_AHEAD } from '../workflows/ahead.ts';

/** A worker that is there answers in milliseconds. */
const ASK_AGAIN_MS = 1500;
const ASK_AT_MOST = 4;

/**
 * What a run answers to a query. A worker whose machine is gone is given questions until the engine notices, up to a minute
 * later, and answers none of them: so what has not been answered soon is asked again, beside the first. The first answer
 * counts, and so does the first refusal; nobody waits for the others.
 */
export async function askRun<T>(temporal: Client, workflowId: string, query: string): Promise<T> {
  const run = temporal.workflow.getHandle(workflowId);
  const over = new AbortController();
  let again: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const ask = (times: number): void => {
        if (times < ASK_AT_MOST) again = setTimeout(ask, ASK_AGAIN_MS, times + 1);
        temporal
          .withAbortSignal(over.signal, () => run.query<T>(query))
          .then(resolve, (error: unknown) => {
            const isBehind = error instanceof Error && error.message.includes(WENT_AHEAD);
            if (!isBehind || times >= ASK_AT_MOST) return reject(error);
            clearTimeout(again);
            ask(times + 1);
          });
      };
      ask(1);
    });
  } finally {
    clearTimeout(again);
    over.abort();
  }
}
