import type { Client } from '@temporalio/client';
import type { FleetActionInputs, FleetActionName } from '../domain/fleet/fleet-actions.ts';
import { fleetWorkflowId } from '../domain/fleet/fleet-id.ts';
import { describeFleetInput } from '../domain/fleet/fleet-description.ts';
import type {
  FleetHostsPage,
  FleetHostsQuery,
  FleetResult,
  FleetStatus,
} from '../domain/fleet/fleet-status.ts';
import type { FleetInput } from '../domain/fleet/schema.ts';
import { validateFleet } from '../domain/fleet/validate-fleet.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { quote } from '../shell/index.ts';
import { sendUpdate } from './action-methods.ts';
import { askRun } from './ask-run.ts';
import { awaitEnd } from './await-end.ts';
import { readFailedEnd } from './await-answer.ts';
import { isSdkError } from './sdk-errors.ts';
import { throwProblems } from './start-run.ts';
import type { FleetEnd, FleetInfo, Fleets } from './fleet-types.ts';

/** Creates the client's methods for fleets. */
export function createFleets(temporal: Client, taskQueue: string): Fleets {
  return {
    start: (input) => beginFleet(temporal, taskQueue, input),
    status: (name) => askRun<FleetStatus>(temporal, fleetWorkflowId(name), 'fleetStatus'),
    hosts: (name, query = {}) =>
      askRun<FleetHostsPage>(temporal, fleetWorkflowId(name), 'fleetHosts', query satisfies FleetHostsQuery),
    act: <Name extends FleetActionName>(name: string, action: Name, input: FleetActionInputs[Name]) =>
      sendUpdate<FleetStatus>(temporal, fleetWorkflowId(name), action, input),
    result: (name) => readEnd(temporal, fleetWorkflowId(name)),
    list: (options) => listFleets(temporal, options),
  };
}

async function beginFleet(
  temporal: Client,
  taskQueue: string,
  input: FleetInput,
): Promise<{ workflowId: string; runId: string }> {
  throwProblems(validateFleet(input).problems);
  const { name } = input;
  const workflowId = fleetWorkflowId(name);
  const shown = describeFleetInput(input, quote(name));
  try {
    const started = await temporal.workflow.start('provisionFleet', {
      workflowId,
      taskQueue,
      args: [input],
      staticSummary: shown.summary,
      staticDetails: shown.details,
      memo: { fleet: name, hosts: input.hosts.length },
    });
    return { workflowId, runId: started.firstExecutionRunId };
  } catch (error) {
    if (!isSdkError(error, 'WorkflowExecutionAlreadyStartedError')) throw error;
    throw new ChandlerError('lease-held', `the fleet ${name} is being rolled out already`, {
      cause: error,
      facts: { advice: `Follow it with: chandler fleet watch ${quote(name)}` },
    });
  }
}

async function readEnd(temporal: Client, workflowId: string): Promise<FleetEnd> {
  try {
    const result = await awaitEnd<FleetResult>(temporal, workflowId);
    return { outcome: result.outcome, result };
  } catch (error) {
    if (!isSdkError(error, 'WorkflowFailedError')) throw error;
    const failure = readFailedEnd(error);
    return { outcome: failure.code === 'aborted' ? 'aborted' : 'failed', failure };
  }
}

const DEFAULT_LIMIT = 100;

async function listFleets(
  temporal: Client,
  { limit = DEFAULT_LIMIT }: { readonly limit?: number } = {},
): Promise<FleetInfo[]> {
  const fleets: FleetInfo[] = [];
  const query = "WorkflowType = 'provisionFleet' AND ExecutionStatus != 'ContinuedAsNew'";
  for await (const {
    workflowId,
    status,
    startTime,
    closeTime,
    memo,
    searchAttributes,
  } of temporal.workflow.list({
    query,
    pageSize: Math.min(limit, 1000),
  })) {
    fleets.push({
      name: typeof memo?.['fleet'] === 'string' ? memo['fleet'] : workflowId,
      status: status.name,
      phase: String(searchAttributes['ChandlerPhase']?.[0] ?? ''),
      attention: searchAttributes['ChandlerAttention']?.[0] === true,
      hosts: Number(memo?.['hosts'] ?? 0),
      startedAtMs: startTime.getTime(),
      ...(closeTime && { endedAtMs: closeTime.getTime() }),
    });
    if (fleets.length === limit) break;
  }
  return fleets;
}
