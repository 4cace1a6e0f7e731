import type { Client } from '@temporalio/client';
import type { RunStatus } from '../domain/run/status.ts';
import { askRun } from './ask-run.ts';
import { addActivityPauses } from './pauses.ts';

/**
 * Reads the status of a run: its own answer to the query, plus pauses that only the server knows. @throws RunPausedError as
 * {@link askRun}
 */
export async function readStatus(temporal: Client, workflowId: string): Promise<RunStatus> {
  const [status, described] = await Promise.all([
    askRun<RunStatus>(temporal, workflowId, 'status'),
    temporal.workflow.getHandle(workflowId).describe(),
  ]);
  return addActivityPauses(temporal, status, described);
}
