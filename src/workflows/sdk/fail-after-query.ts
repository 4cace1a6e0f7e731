import type { ActivateInput, WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Why a workflow task or a query was failed. A client whose query failed with this asks again. */
export const ADVANCED_BY_QUERY =
  'workflow state was advanced by a query; failing this task so that the server redelivers it';

/** The argument of a query by which a client vouches that this run is over. */
export const overMark = (runId: string): string => `over:${runId}`;

/** The id of a query that the server sends by itself, not with a workflow task. */
const LEGACY_QUERY = 'legacy_query';
/** The server's default; a client that starts a run can set another. */
const TASK_TIMEOUT_S = 10;
/** How soon after that timeout a live worker gets the task again. */
const REDELIVERY_S = 10;

/**
 * Keeps runs replayable. A query can reach a worker while a workflow task waits for another worker, or for one that has died. The
 * SDK (1.24) then applies the events of that task at once, at another time and in other portions than a replay does, so the run
 * may produce other commands: no worker could continue it. The SDK sends them without asking the run again if the task, once it
 * arrives, brings nothing more.
 *
 * - New events without a later time: the task has not begun, because the time is that of a task's start. The events are not
 *   applied, and the query fails; the worker evicts the run, and a client asks again. A run that is over, terminated for instance
 *   while the server paused it, never gets that task: a query that vouches for this is answered.
 * - A query after the first task of a run that was rebuilt from its history may have brought a task that another worker had
 *   begun. If that worker has died, the server redelivers the task after its timeout. So a task that arrives about then fails,
 *   once; the server redelivers it, and it replays as recorded. If the first task was this worker's after all, the run is
 *   replayed once for nothing.
 *
 * This can go once test/workflows/sdk/fail-after-query.test.ts passes without it.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let atS = 0;
  let historyLength = 0;
  let taskTimeoutS = TASK_TIMEOUT_S;
  let isRebuilt = false;
  let tasks = 0;
  let isAhead = false;
  /** The history length with events that were not applied. */
  let withheld: number | undefined;
  const isRedelivered = (nowS: number) =>
    nowS >= atS + taskTimeoutS && nowS < atS + taskTimeoutS + REDELIVERY_S;
  return {
    internals: [
      {
        activate(input, next) {
          const { activation } = input;
          const { isReplaying, jobs } = activation;
          if (jobs?.every(({ queryWorkflow }) => queryWorkflow != null)) {
            if (withheld !== undefined && !isOver(activation)) throw new Error(ADVANCED_BY_QUERY);
            const isLegacy = jobs.some(({ queryWorkflow }) => queryWorkflow?.queryId === LEGACY_QUERY);
            isAhead ||= isLegacy && isRebuilt && tasks === 1;
            return next(input);
          }
          const nowS = secondsOf(activation.timestamp);
          const length = activation.historyLength ?? 0;
          const isNewTask = atS !== nowS;
          const isUnbegun = isReplaying !== true && !isNewTask && length > historyLength;
          // A query follows. The SDK splits an activation into several calls.
          if (withheld === undefined ? isUnbegun : !isNewTask && length === withheld) {
            withheld = length;
            return undefined;
          }
          if (withheld !== undefined || (isAhead && isRedelivered(nowS))) throw new Error(ADVANCED_BY_QUERY);
          const timeout = jobs?.find(({ initializeWorkflow }) => initializeWorkflow)?.initializeWorkflow
            ?.workflowTaskTimeout;
          if (timeout) taskTimeoutS = secondsOf(timeout);
          if (isReplaying === true) isRebuilt = true;
          else if (isNewTask) tasks += 1;
          if (isNewTask) isAhead = false;
          atS = nowS;
          historyLength = length;
          return next(input);
        },
      },
    ],
  };
};

function isOver({ runId, jobs }: ActivateInput['activation']): boolean {
  return (jobs ?? []).every(({ queryWorkflow }) => {
    const [mark] = queryWorkflow?.arguments ?? [];
    return new TextDecoder().decode(mark?.data ?? undefined) === JSON.stringify(overMark(runId ?? ''));
  });
}

function secondsOf(time: ActivateInput['activation']['timestamp']): number {
  return Number(time?.seconds) + (time?.nanos ?? 0) / 1e9;
}
