import type { Client } from '@temporalio/client';
import type { RunSurvey } from '../activities/activity-types.ts';
import { isOpenStatus } from '../domain/run/execution-status.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { readFailedEnd } from './await-answer.ts';
import { isSdkError } from './sdk-errors.ts';

/** In characters: enough for a list of hosts. */
const MAX_MESSAGE_LENGTH = 300;

/** Asks the server about the latest run of a workflow id. */
export async function surveyRun(temporal: Client, workflowId: string): Promise<RunSurvey> {
  const found = await findRun(temporal, workflowId);
  if (!found) return { workflowId, state: 'none' };
  const { status, runId, memo, raw } = found;
  const { firstRunId, parentExecution } = raw.workflowExecutionInfo ?? {};
  const digest = memo?.['digest'];
  const isOpen = isOpenStatus(status.name);
  const failure = isOpen ? undefined : await findFailure(temporal, workflowId, runId);
  return {
    workflowId,
    state: isOpen ? 'open' : 'over',
    ...(firstRunId && { firstRunId }),
    ...(parentExecution?.workflowId && { parentId: parentExecution.workflowId }),
    ...(typeof digest === 'string' && { digest }),
    ...(failure && { failure }),
  };
}

/** Sends a signal to a run, unless it is over. */
export async function signalRun(
  temporal: Client,
  { workflowId, firstRunId }: { readonly workflowId: string; readonly firstRunId: string },
  signal: string,
  input: unknown,
): Promise<void> {
  const found = await findRun(temporal, workflowId);
  if (!found || !isOpenStatus(found.status.name)) return;
  if (found.raw.workflowExecutionInfo?.firstRunId !== firstRunId) return;
  try {
    await temporal.workflow.getHandle(workflowId, found.runId).signal(signal, input);
  } catch (error) {
    // It has just ended, or continued as new; the activity asks again for the latter.
    if (!isSdkError(error, 'WorkflowNotFoundError')) throw error;
    const again = await findRun(temporal, workflowId);
    if (again && again.runId !== found.runId) throw error;
  }
}

async function findRun(temporal: Client, workflowId: string) {
  try {
    return await temporal.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (isSdkError(error, 'WorkflowNotFoundError')) return undefined;
    throw error;
  }
}

async function findFailure(
  temporal: Client,
  workflowId: string,
  runId: string,
): Promise<RunSurvey['failure']> {
  try {
    await temporal.workflow.getHandle(workflowId, runId).result();
    return undefined;
  } catch (error) {
    if (!isSdkError(error, 'WorkflowFailedError')) throw error;
    const { code, message, step } = readFailedEnd(error);
    return { code, message: boundedText(message, MAX_MESSAGE_LENGTH), ...(step !== undefined && { step }) };
  }
}
