import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { answerOf, readFailedEnd, TASK_TIMEOUT_MS } from './client/answers.ts';
import { askRun } from './client/ask-run.ts';
import { makeGate } from './client/calls.ts';
import { openLog } from './client/logs.ts';
import type { ChandlerClient, ClientOptions } from './client/types.ts';
import { describeLook, describePlan, describeWatch, type Description } from './domain/description.ts';
import { ChandlerError, reasonOf } from './domain/failure.ts';
import { defaultWatchId, defaultWorkflowId } from './domain/ids.ts';
import { formatProblems } from './domain/problems.ts';
import type { Plan, Target } from './domain/schema.ts';
import type { RunStatus } from './domain/status.ts';
import { validatePlan, validateWatch } from './domain/validate.ts';
import { quote } from './shell/index.ts';
import type { inspectHost, provision } from './workflows/index.ts';

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
  const { address, credentials } = options;
  const { interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions())] } = options;
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
  const handle = (workflowId: string): WorkflowHandle<typeof provision> =>
    temporal.workflow.getHandle(workflowId);
  const status = async (workflowId: string) => askRun<RunStatus>(temporal, workflowId, 'status');
  const update = async (workflowId: string, name: string, input: unknown): Promise<RunStatus> => {
    try {
      return await handle(workflowId).executeUpdate<RunStatus, [unknown]>(name, { args: [input] });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw await explainNotFound(error, workflowId);
      if (!(error instanceof WorkflowUpdateFailedError)) throw error;
      throw new ChandlerError('invalid-input', error.cause?.message ?? error.message, { cause: error });
    }
  };

  /** The engine takes no message for a run that is over, in the words it has for one that never was. */
  const explainNotFound = async (error: WorkflowNotFoundError, workflowId: string): Promise<Error> => {
    const { status } = await handle(workflowId).describe();
    if (status.name === 'RUNNING') return error;
    return new ChandlerError('invalid-input', `the run is over (${status.name.toLowerCase()})`, {
      cause: error,
    });
  };

  const begin = async (
    workflowType: string,
    workflowId: string,
    target: Target,
    options: { args: [unknown]; shown: Description; memo: Record<string, unknown> },
  ) => {
    try {
      const started = await temporal.workflow.start(workflowType, {
        workflowId,
        taskQueue,
        args: options.args,
        staticSummary: options.shown.summary,
        staticDetails: options.shown.details,
        memo: { host: target.host, ...options.memo },
      });
      return { workflowId, runId: started.firstExecutionRunId };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      throw new ChandlerError('lease-held', `a run with the id ${workflowId} is at work already`, {
        cause: error,
        facts: { advice: `Follow it with: chandler watch ${quote(workflowId)}` },
      });
    }
  };

  return {
    async start(plan, { workflowId = defaultWorkflowId(plan.target) } = {}) {
      const { problems } = validatePlan(plan);
      if (problems)
        throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
      return begin('provision', workflowId, plan.target, {
        args: [plan],
        shown: describePlan(plan, quote(workflowId)),
        memo: { plan: plan.name ?? '', steps: plan.steps.map((step) => step.name), ...memoOf(plan) },
      });
    },

    async watch(input, { workflowId = defaultWatchId(input.target) } = {}) {
      const { problems } = validateWatch(input);
      if (problems)
        throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
      return begin('watchProvisioning', workflowId, input.target, {
        args: [input],
        shown: describeWatch(input.target, quote(workflowId)),
        memo: { plan: '', ...memoOf(input) },
      });
    },

    status,
    retry: (workflowId, input) => update(workflowId, 'retryStep', input),
    skip: (workflowId, input) => update(workflowId, 'skipStep', input),
    abort: (workflowId, input = {}) => update(workflowId, 'abort', input),
    pause: (workflowId, input = {}) => update(workflowId, 'pause', input),
    resume: (workflowId, input = {}) => update(workflowId, 'resume', input),
    extendTimeout: (workflowId, input) => update(workflowId, 'extendTimeout', input),

    async result(workflowId) {
      try {
        const result = await handle(workflowId).result();
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

    async inspect(input = {}) {
      const { plan, target = plan?.target } = input;
      const { problems } = plan ? validatePlan(plan) : target ? validateWatch({ target }) : {};
      if (problems)
        throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
      const started = await temporal.workflow.start<typeof inspectHost>('inspectHost', {
        workflowId: `inspect:${randomUUID()}`,
        taskQueue,
        workflowExecutionTimeout: '5m',
        workflowTaskTimeout: TASK_TIMEOUT_MS,
        staticSummary: describeLook(target),
        args: [input],
      });
      return answerOf(started, started.result());
    },

    temporal,
    close,
  };
}

/** What the list of runs can tell of a run without asking it. */
function memoOf({ fleet, labels }: Pick<Plan, 'fleet' | 'labels'>): Record<string, unknown> {
  return { ...(fleet !== undefined && { fleet }), ...(labels && { labels }) };
}
