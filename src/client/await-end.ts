import type { Client } from '@temporalio/client';
import type { ProvisionResult } from '../workflows/index.ts';
import { isSdkError } from './sdk-errors.ts';

/**
 * Waits for the end of a run. A reset terminates an execution, and the run continues in another one; that does not count as its
 * end.
 */
export async function awaitEnd<Result = ProvisionResult>(
  temporal: Client,
  workflowId: string,
): Promise<Result> {
  const latest = async () => {
    const { runId, raw } = await temporal.workflow.getHandle(workflowId).describe();
    return { runId, firstRunId: raw.workflowExecutionInfo?.firstRunId };
  };
  let followed = await latest();
  for (;;) {
    try {
      const run = temporal.workflow.getHandle<() => Promise<Result>>(workflowId, followed.runId);
      return await run.result();
    } catch (error) {
      const isTerminated =
        isSdkError(error, 'WorkflowFailedError') && isSdkError(error.cause, 'TerminatedFailure');
      if (!isTerminated) throw error;
      const next = await latest();
      if (next.runId === followed.runId || next.firstRunId !== followed.firstRunId) throw error;
      followed = next;
    }
  }
}
