import type { Client } from '@temporalio/client';
import { readFailedEnd } from './client/await-answer.ts';
import { awaitEnd } from './client/await-end.ts';
import { beginProvision, beginWatch } from './client/start-run.ts';
import { makeGate } from './client/call-gate.ts';
import { findRunHost } from './client/find-run-host.ts';
import { checkDrift } from './client/check-drift.ts';
import { createDriftSchedules } from './client/drift-schedules.ts';
import { createFleets } from './client/fleets.ts';
import { inspect } from './client/inspect.ts';
import { clean, findLeftovers } from './client/find-leftovers.ts';
import { describeRun, listRuns } from './client/list-runs.ts';
import { openLog } from './client/open-log.ts';
import { pinRun } from './client/pin-run.ts';
import { readProgress } from './client/read-progress.ts';
import { readStatus } from './client/read-status.ts';
import { createActionMethods } from './client/action-methods.ts';
import { createServerReports } from './client/server-reports.ts';
import { isSdkError } from './client/sdk-errors.ts';
import type { ChandlerClient, ClientOptions } from './client/types.ts';
import { reasonOf } from './domain/run/failure.ts';

export { RunPausedError } from './domain/run/server-pause.ts';
export type { PausedRun } from './domain/run/server-pause.ts';
export type {
  AskOptions,
  ChandlerClient,
  ClientOptions,
  FailedTask,
  LogRange,
  LogRef,
  RunDescription,
  RunFailure,
  RunHost,
  RunInfo,
  RunLeftovers,
  RunRef,
  RunResult,
  StepProgress,
} from './client/types.ts';
export type { FleetEnd, FleetInfo, Fleets } from './client/fleet-types.ts';
export type { DriftCheck, DriftSchedule, DriftSchedules, DriftTimes } from './client/schedule-types.ts';
export type { Deployment, Poller, ServerReports } from './client/server-types.ts';

const DEFAULT_TASK_QUEUE = 'chandler';
const DEFAULT_LIMIT = 100;

/**
 * Connects to a Temporal server. The client starts runs, follows them and acts on them; workers do the work.
 *
 * @throws Error when the server does not answer within ten seconds; its `cause` is that of `@temporalio/client`
 */
export async function connect(options: ClientOptions): Promise<ChandlerClient> {
  // Loaded by the first call, because programs import this module for other things, too.
  const { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } =
    await import('@temporalio/client');
  const {
    address,
    credentials,
    interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  } = options;
  const gate = makeGate();
  const connection = await Connection.connect({
    ...credentials,
    address,
    connectTimeout: '10s',
    interceptors: [...interceptors, gate.interceptor],
  }).catch((cause: unknown) => {
    throw new Error(`no Temporal server answers at ${address}: ${reasonOf(cause)}`, { cause });
  });
  const client = new Client({
    connection,
    namespace: options.namespace ?? 'default',
    ...(options.identity !== undefined && { identity: options.identity }),
  });
  return createClient(client, options.taskQueue ?? DEFAULT_TASK_QUEUE, () => {
    gate.shut();
    return connection.close();
  });
}

/**
 * Like {@link connect}, over an existing client of the SDK. `taskQueue` is the queue that the workers serve; {@link
 * ChandlerClient.close} calls `close`.
 */
export function createClient(
  temporal: Client,
  taskQueue: string,
  close: () => Promise<void>,
): ChandlerClient {
  return {
    start: (plan, { workflowId } = {}) => beginProvision(temporal, taskQueue, plan, workflowId),
    watch: (input, { workflowId } = {}) => beginWatch(temporal, taskQueue, input, workflowId),
    status: (workflowId, { runId } = {}) => readStatus(pinRun(temporal, workflowId, runId), workflowId),
    ...createActionMethods(temporal),

    async result(workflowId, { runId } = {}) {
      try {
        const result = await awaitEnd(pinRun(temporal, workflowId, runId), workflowId);
        return { outcome: result.outcome, result };
      } catch (error) {
        if (!isSdkError(error, 'WorkflowFailedError')) throw error;
        const failure = readFailedEnd(error);
        return { outcome: failure.code === 'aborted' ? 'aborted' : 'failed', failure };
      }
    },

    readLog: async (workflowId, step, options = {}) =>
      (await openLog(pinRun(temporal, workflowId, options.runId), taskQueue, workflowId, step, options))(
        options,
      ),
    openLog: (workflowId, step, options = {}) =>
      openLog(pinRun(temporal, workflowId, options.runId), taskQueue, workflowId, step, options),
    inspect: (input = {}, options) => inspect(temporal, taskQueue, input, options),
    checkDrift: (plan, options) => checkDrift(temporal, taskQueue, plan, options),
    leftovers: (workflowId, { signal, runId } = {}) =>
      findLeftovers(pinRun(temporal, workflowId, runId), taskQueue, workflowId, signal),
    clean: (input, options) => clean(temporal, taskQueue, input, options),
    list: ({ query = '', limit = DEFAULT_LIMIT } = {}) => listRuns(temporal, query, limit),
    describe: (workflowId, { runId } = {}) => describeRun(pinRun(temporal, workflowId, runId), workflowId),
    progress: (workflowId, { runId } = {}) => readProgress(pinRun(temporal, workflowId, runId), workflowId),
    host: (workflowId, { runId } = {}) => findRunHost(pinRun(temporal, workflowId, runId), workflowId),
    fleets: createFleets(temporal, taskQueue),
    driftSchedules: createDriftSchedules(temporal, taskQueue),
    server: createServerReports(temporal, taskQueue),
    within: (ms, ask) => temporal.withDeadline(Date.now() + ms, ask),
    pin: (workflowId, runId) => createClient(pinRun(temporal, workflowId, runId), taskQueue, close),
    temporal,
    close,
  };
}
