import type { Client, WorkflowNotFoundError } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isCutOff, isOpenStatus } from '../domain/run/execution-status.ts';
import { ChandlerError, reasonOf } from '../domain/run/failure.ts';
import { actionNames, actions, type ActionMethod } from '../domain/run/actions.ts';
import type { RunStatus } from '../domain/run/status.ts';
import { quote } from '../shell/index.ts';
import { findPause } from './pauses.ts';
import { isSdkError } from './sdk-errors.ts';
import type { ChandlerClient } from './types.ts';

/** gRPC FAILED_PRECONDITION (https://grpc.io/docs/guides/status-codes/). */
const FAILED_PRECONDITION = 9;

type ActionMethods = Pick<ChandlerClient, ActionMethod>;

export function createActionMethods(temporal: Client): ActionMethods {
  const methods = actionNames.map((name) => [
    actions[name].method,
    (workflowId: string, input: unknown = {}) => sendUpdate<RunStatus>(temporal, workflowId, name, input),
  ]);
  return Object.fromEntries(methods) as ActionMethods;
}

/**
 * Sends an action as an update and returns the status after it. If Temporal's workflow pause holds the run, sends a signal
 * instead, which the run handles once it is unpaused, and returns undefined.
 *
 * @throws ChandlerError invalid-input with the reason why the run refuses the action
 */
export async function sendUpdate<Status>(
  temporal: Client,
  workflowId: string,
  name: string,
  input: unknown,
): Promise<Status | undefined> {
  const run = temporal.workflow.getHandle(workflowId);
  try {
    return await executeUpdate<Status>(temporal, workflowId, name, input);
  } catch (error) {
    if (isSdkError(error, 'WorkflowNotFoundError')) throw await explainNotFound(temporal, error, workflowId);
    if (error instanceof Error && isRefusedByServer(error.cause) && (await findPause(temporal, workflowId))) {
      await run.signal(name, input);
      return undefined;
    }
    if (!isSdkError(error, 'WorkflowUpdateFailedError')) throw error;
    throw new ChandlerError('invalid-input', error.cause?.message ?? error.message, { cause: error });
  }
}

/** The server accepts no update for a paused workflow. */
function isRefusedByServer(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === FAILED_PRECONDITION;
}

/** How often to send an update that the run did not receive. */
const MAX_SENT = 30;
const SEND_EVERY_MS = 200;

/**
 * Sends an update until the run has received it. The server forgets an update if the workflow task that accepts it fails, as does
 * a task that would end the run while an activity ends. A run whose input is still being validated knows no actions. If an update
 * was accepted after all, the server recognises its id.
 */
async function executeUpdate<Status>(
  temporal: Client,
  workflowId: string,
  name: string,
  input: unknown,
): Promise<Status> {
  const run = temporal.workflow.getHandle(workflowId);
  const options = { args: [input] as [unknown], updateId: randomUUID() };
  for (let sent = 1; ; sent += 1) {
    try {
      return await run.executeUpdate<Status, [unknown]>(name, options);
    } catch (error) {
      if (sent >= MAX_SENT || !(isForgotten(error) || isTooEarly(error))) throw error;
      await delay(SEND_EVERY_MS);
    }
  }
}

function isForgotten(error: unknown): boolean {
  return isSdkError(error, 'ServiceError') && /unexpected workflow task failure/.test(reasonOf(error));
}

function isTooEarly(error: unknown): boolean {
  const why = isSdkError(error, 'WorkflowUpdateFailedError') ? error.cause?.message : undefined;
  return why?.startsWith('No registered handler for update') === true;
}

/** The server's error is the same for a run that is over and for one that never existed. */
async function explainNotFound(
  temporal: Client,
  error: WorkflowNotFoundError,
  workflowId: string,
): Promise<Error> {
  const { status } = await temporal.workflow.getHandle(workflowId).describe();
  if (isOpenStatus(status.name)) return error;
  const hint = isCutOff(status.name)
    ? `; what it left on the host is shown by: chandler status ${quote(workflowId)}`
    : '';
  return new ChandlerError('invalid-input', `the run is over (${status.name.toLowerCase()})${hint}`, {
    cause: error,
  });
}
