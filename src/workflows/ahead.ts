import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** What a query is told that met such a run: asked once more it is answered. */
export const WENT_AHEAD = 'a query went ahead of this task: it is to be given out again';

/**
 * Keeps runs replayable. A query that reaches a worker while a workflow task is still waiting for one (its worker has
 * died) shows the SDK events of that task, and it takes them in at once. When the task comes, with a message perhaps,
 * the rest follows; but whoever replays that history gets everything at once, messages first, and may come to other
 * orders: a run that nobody could take up again. So a run that went ahead fails its next task, once: the worker forgets
 * it, and the engine gives the task out anew, to be replayed as it is recorded.
 *
 * Such an activation has new events, but no later time than the one before it: time is that of the task's start.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let at = '';
  let historyLength = 0;
  let isAhead = false;
  return {
    internals: [
      {
        activate(input, next) {
          const { activation } = input;
          if (activation.jobs?.every(({ queryWorkflow }) => queryWorkflow != null)) return next(input);
          const now = JSON.stringify(activation.timestamp);
          const length = activation.historyLength ?? 0;
          // Another query may go further ahead.
          if (isAhead && at !== now) throw new Error(WENT_AHEAD);
          isAhead ||= activation.isReplaying !== true && at === now && length > historyLength;
          at = now;
          historyLength = length;
          return next(input);
        },
      },
    ],
  };
};
