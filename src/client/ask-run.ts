import type { WorkflowHandle } from '@temporalio/client';

/** A worker that is there answers in milliseconds. */
const ASK_AGAIN_MS = 1500;
const ASK_AT_MOST = 4;

/**
 * What a run answers to a query. A worker whose machine is gone is given questions until the engine notices, up to a minute
 * later, and answers none of them: so what has not been answered soon is asked again, beside the first. The first answer
 * counts, and so does the first refusal.
 */
export function askRun<T>(run: WorkflowHandle, query: string): Promise<T> {
  return new Promise((resolve, reject) => {
    let again: NodeJS.Timeout | undefined;
    const ask = (times: number): void => {
      if (times < ASK_AT_MOST) again = setTimeout(ask, ASK_AGAIN_MS, times + 1);
      run
        .query<T>(query)
        .finally(() => clearTimeout(again))
        .then(resolve, reject);
    };
    ask(1);
  });
}
