import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowFailedError,
} from '@temporalio/client';
import { readFailedEnd } from './client/answers.ts';
import { askRun } from './client/ask-run.ts';
import { beginProvision, beginWatch } from './client/begin.ts';
import { makeGate } from './client/calls.ts';
import { inspect } from './client/inspect.ts';
import { openLog } from './client/logs.ts';
import { sendMessage } from './client/send.ts';
import type { ChandlerClient, ClientOptions } from './client/types.ts';
import { reasonOf } from './domain/failure.ts';
import type { Intervention, RunStatus } from './domain/status.ts';
import type { provision } from './workflows/index.ts';

export type {
  ChandlerClient,
  ClientOptions,
  LogRange,
  LogRef,
  RunFailure,
  RunResult,
} from './client/types.ts';

const DEFAULT_TASK_QUEUE = 'chandler';

/**
 * Connects to a Temporal server: a client that starts runs, watches them and acts on them. Workers do the work.
 *
 * @throws Error when the server does not answer within ten seconds; its `cause` is that of `@temporalio/client`
 */
export async function connect(options: ClientOptions): Promise<ChandlerClient> {
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
 * As {@link connect}, over a client that there is already. `taskQueue` is the one that the workers serve; `close` is what
 * {@link ChandlerClient.close} calls.
 */
export function createClient(
  temporal: Client,
  taskQueue: string,
  close: () => Promise<void>,
): ChandlerClient {
  const send = (workflowId: string, name: Intervention['action'], input: unknown = {}) =>
    sendMessage(temporal, workflowId, name, input);
  return {
    start: (plan, { workflowId } = {}) => beginProvision(temporal, taskQueue, plan, workflowId),
    watch: (input, { workflowId } = {}) => beginWatch(temporal, taskQueue, input, workflowId),
    status: (workflowId) => askRun<RunStatus>(temporal, workflowId, 'status'),
    retry: (workflowId, input) => send(workflowId, 'retryStep', input),
    skip: (workflowId, input) => send(workflowId, 'skipStep', input),
    abort: (workflowId, input) => send(workflowId, 'abort', input),
    pause: (workflowId, input) => send(workflowId, 'pause', input),
    resume: (workflowId, input) => send(workflowId, 'resume', input),
    extendTimeout: (workflowId, input) => send(workflowId, 'extendTimeout', input),

    async result(workflowId) {
      try {
        const result = await temporal.workflow.getHandle<typeof provision>(workflowId).result();
        return { outcome: result.outcome, result };
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        const failure = readFailedEnd(error);
        return { outcome: failure.code === 'aborted' ? 'aborted' : 'failed', failure };
      }
    },

    readLog: async (workflowId, step, options = {}) =>
      (await openLog(temporal, taskQueue, workflowId, step, options))(options),
    openLog: (workflowId, step, options = {}) => openLog(temporal, taskQueue, workflowId, step, options),
    inspect: (input = {}) => inspect(temporal, taskQueue, input),
    temporal,
    close,
  };
}
