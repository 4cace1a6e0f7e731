import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ChandlerError } from '../domain/failure.ts';
import type { Intervention, RunStatus } from '../domain/status.ts';

/**
 * Sends a message to a run and answers with its status after that.
 *
 * @throws ChandlerError invalid-input with the reason why the run does not take it
 */
export async function sendMessage(
  temporal: Client,
  workflowId: string,
  name: Intervention['action'],
  input: unknown,
): Promise<RunStatus> {
  try {
    const run = temporal.workflow.getHandle(workflowId);
    return await run.executeUpdate<RunStatus, [unknown]>(name, { args: [input] });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw await explainNotFound(temporal, error, workflowId);
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new ChandlerError('invalid-input', error.cause?.message ?? error.message, { cause: error });
  }
}

/** The engine takes no message for a run that is over, in the words it has for one that never was. */
async function explainNotFound(
  temporal: Client,
  error: WorkflowNotFoundError,
  workflowId: string,
): Promise<Error> {
  const { status } = await temporal.workflow.getHandle(workflowId).describe();
  if (status.name === 'RUNNING') return error;
  return new ChandlerError('invalid-input', `the run is over (${status.name.toLowerCase()})`, {
    cause: error,
  });
}
