import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Why a workflow task or a query was failed. A client whose query failed so asks again. */
export const ADVANCED_BY_QUERY =
  'workflow state was advanced by a query; failing this task so that the server redelivers it';

/** The id of a query that the server sends by itself, not with a workflow task. */
const LEGACY_QUERY = 'legacy_query';

/**
 * Keeps runs replayable. A query can reach a worker while a workflow task waits for another worker, or for one that has died. The
 * SDK (1.24) then applies the events of that task at once, at another time and in other portions than a replay does, so the run
 * may produce other commands: no worker could continue it. The SDK sends them without asking the run again if the task, once it
 * arrives, brings nothing more.
 *
 * - New events without a later time: the task has not begun, because the time is that of a task's start. The query fails, the
 *   worker evicts the run, and a client asks again.
 * - A query after the first task of a run that was rebuilt from its history may have brought a task that another worker had
 *   begun. The run fails its next task, once; the server redelivers it, and it replays as recorded. If the first task was this
 *   worker's after all, the run is replayed once for nothing.
 *
 * This can go once test/workflows/sdk/fail-after-query.test.ts passes without it.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let at = '';
  let historyLength = 0;
  let isRebuilt = false;
  let tasks = 0;
  let isAhead = false;
  return {
    internals: [
      {
        activate(input, next) {
          const { activation } = input;
          const { isReplaying, jobs } = activation;
          if (jobs?.every(({ queryWorkflow }) => queryWorkflow != null)) {
            const isLegacy = jobs.some(({ queryWorkflow }) => queryWorkflow?.queryId === LEGACY_QUERY);
            isAhead ||= isLegacy && isRebuilt && tasks === 1;
            return next(input);
          }
          const now = JSON.stringify(activation.timestamp);
          const length = activation.historyLength ?? 0;
          const isNewTask = at !== now;
          const isUnbegun = isReplaying !== true && !isNewTask && length > historyLength;
          if (isUnbegun || (isAhead && isNewTask)) throw new Error(ADVANCED_BY_QUERY);
          if (isReplaying === true) isRebuilt = true;
          else if (isNewTask) tasks += 1;
          at = now;
          historyLength = length;
          return next(input);
        },
      },
    ],
  };
};
