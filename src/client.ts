import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type ConnectionOptions,
  type WorkflowHandle,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import type { LogPage } from './activities/types.ts';
import { ChandlerError, failureCodes, isFailureCode } from './domain/failure.ts';
import { defaultWorkflowId, makeLaunch } from './domain/ids.ts';
import type { Plan } from './domain/schema.ts';
import type { PartFailure, RunStatus } from './domain/status.ts';
import { formatProblems } from './domain/problems.ts';
import { validatePlan } from './domain/validate.ts';
import type { provision, ProvisionResult, readStepLog } from './workflows/index.ts';
import type { LaunchesAnswer, RetryStep, SkipStep, WithReason } from './workflows/messages.ts';

export interface ClientOptions {
  /** `host:port` of the Temporal frontend. */
  readonly address: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
  /** TLS, API key and headers, if the frontend wants them. */
  readonly credentials?: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
}

/** How a run ended. */
export type RunResult =
  | { readonly outcome: 'provisioned' | 'already-provisioned'; readonly result: ProvisionResult }
  | { readonly outcome: 'failed' | 'aborted'; readonly failure: PartFailure };

/** What can be done to runs, from anywhere that reaches the engine. */
export interface ChandlerClient {
  /**
   * Starts a run.
   *
   * @throws ChandlerError invalid-input with every problem; lease-held if a run of that id is at work
   */
  start(plan: Plan, options?: { workflowId?: string }): Promise<{ workflowId: string; runId: string }>;
  status(workflowId: string): Promise<RunStatus>;
  /** Runs a parked step again. @throws ChandlerError invalid-input with the reason why not */
  retry(workflowId: string, input: RetryStep): Promise<RunStatus>;
  skip(workflowId: string, input: SkipStep): Promise<RunStatus>;
  abort(workflowId: string, input?: WithReason): Promise<RunStatus>;
  pause(workflowId: string, input?: WithReason): Promise<RunStatus>;
  resume(workflowId: string, input?: WithReason): Promise<RunStatus>;
  /** Waits until a run is over. Resolves for failures, too: they are an outcome. */
  result(workflowId: string): Promise<RunResult>;
  /** A piece of a step's log. `generation` defaults to the latest; a negative offset counts from the end. */
  readLog(
    workflowId: string,
    step: string,
    options?: {
      generation?: number;
      finalizer?: boolean;
      offset?: number;
      maxBytes?: number;
      followS?: number;
    },
  ): Promise<LogPage>;
  /** The client underneath, for what is not here. */
  readonly temporal: Client;
  close(): Promise<void>;
}

const DEFAULT_TASK_QUEUE = 'chandler';
const LOG_PAGE_BYTES = 128 * 1024;

/** @throws Error (from the SDK) when the engine does not answer within ten seconds */
export async function connect(options: ClientOptions): Promise<ChandlerClient> {
  const { address, credentials } = options;
  const connection = await Connection.connect({ ...credentials, address, connectTimeout: '10s' });
  const client = new Client({ connection, namespace: options.namespace ?? 'default' });
  return createClient(client, options.taskQueue ?? DEFAULT_TASK_QUEUE, () => connection.close());
}

/** Puts our words on a Temporal client. */
export function createClient(
  temporal: Client,
  taskQueue: string,
  close: () => Promise<void>,
): ChandlerClient {
  const handle = (workflowId: string): WorkflowHandle<typeof provision> =>
    temporal.workflow.getHandle(workflowId);
  const status = async (workflowId: string) => handle(workflowId).query<RunStatus>('status');
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

  return {
    async start(plan, { workflowId = defaultWorkflowId(plan.target) } = {}) {
      const { problems } = validatePlan(plan);
      if (problems)
        throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
      const { host, port = 22, user = 'root' } = plan.target;
      try {
        const started = await temporal.workflow.start<typeof provision>('provision', {
          workflowId,
          taskQueue,
          args: [plan],
          staticSummary: `provision ${user}@${host}:${port}`.slice(0, 200),
          staticDetails: describePlan(plan),
          memo: { host, plan: plan.name ?? '', steps: plan.steps.map((step) => step.name) },
        });
        return { workflowId, runId: started.firstExecutionRunId };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        throw new ChandlerError('lease-held', `a run with the id ${workflowId} is at work already`, {
          cause: error,
          facts: { advice: `Follow it with: chandler status ${workflowId} --watch` },
        });
      }
    },
    status,
    retry: (workflowId, input) => update(workflowId, 'retryStep', input),
    skip: (workflowId, input) => update(workflowId, 'skipStep', input),
    abort: (workflowId, input = {}) => update(workflowId, 'abort', input),
    pause: (workflowId, input = {}) => update(workflowId, 'pause', input),
    resume: (workflowId, input = {}) => update(workflowId, 'resume', input),

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

    async readLog(workflowId, step, options = {}) {
      const { generation, finalizer = false, offset = 0, maxBytes = LOG_PAGE_BYTES, followS = 0 } = options;
      const described = await handle(workflowId).describe();
      const launches = await handle(workflowId).query<LaunchesAnswer>('launches');
      const known = launches.steps.find(({ name }) => name === step);
      if (!known || !launches.host) {
        const names = launches.steps.map(({ name }) => name).join(', ');
        throw new ChandlerError(
          'log-unavailable',
          known
            ? 'the run has not reached its host yet'
            : `there is no step "${step}"; the steps are ${names}`,
        );
      }
      const latest = finalizer ? known.finalizerGeneration : known.generation;
      if (latest === 0) throw new ChandlerError('log-unavailable', `${step} has not started yet`);
      const launch = makeLaunch(
        launches.firstRunId,
        step,
        finalizer ? 'finalizer' : 'step',
        generation ?? latest,
      );
      const reading = temporal.workflow.execute<typeof readStepLog>('readStepLog', {
        workflowId: `log:${described.runId}:${step}:${randomUUID()}`,
        taskQueue,
        // Whoever asked has given up by then.
        workflowExecutionTimeout: '2m',
        args: [{ host: launches.host, launch, offset, maxBytes, followS, secrets: known.secrets }],
      });
      return reading.catch((error: unknown) => {
        if (!(error instanceof WorkflowFailedError)) throw error;
        const { code, message, advice } = readFailedEnd(error);
        throw new ChandlerError(code, message, { cause: error, facts: { advice } });
      });
    },
    temporal,
    close,
  };
}

/** How a workflow that did not succeed ended, in the words of its own failure. */
function readFailedEnd(error: WorkflowFailedError): PartFailure {
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) {
    const details = (cause.details?.[0] ?? {}) as Partial<PartFailure>;
    return { code: cause.type, message: cause.message, advice: failureCodes[cause.type].advice, ...details };
  }
  // Cancelled, terminated or timed out by the engine.
  const message = `${error.message}${cause ? `: ${cause.message}` : ''}`;
  return { code: 'aborted', message, advice: failureCodes.aborted.advice };
}

function describePlan(plan: Plan): string {
  const steps = plan.steps.map(
    (step) => `- ${step.name}${step.needs?.length ? ` (needs ${step.needs.join(', ')})` : ''}`,
  );
  return [`Plan: ${plan.name ?? 'without a name'}`, '', ...steps].join('\n').slice(0, 16_000);
}
