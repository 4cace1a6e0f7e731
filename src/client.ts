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
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { LogPage } from './activities/types.ts';
import { describeLog, describePlan, describeWatch, type Description } from './domain/description.ts';
import { ChandlerError, failureCodes, isFailureCode, reasonOf } from './domain/failure.ts';
import { addressOf, defaultWatchId, defaultWorkflowId, makeLaunch } from './domain/ids.ts';
import type { Plan, Target, WatchInput } from './domain/schema.ts';
import type { PartFailure, RunStatus } from './domain/status.ts';
import { formatProblems } from './domain/problems.ts';
import { validatePlan, validateWatch } from './domain/validate.ts';
import { quote } from './shell/index.ts';
import type {
  inspectHost,
  InspectInput,
  Inspection,
  provision,
  ProvisionResult,
  readStepLog,
} from './workflows/index.ts';
import type { ExtendTimeout, LaunchesAnswer, RetryStep, SkipStep, WithReason } from './workflows/messages.ts';

/** Where the Temporal server is, and what of it the runs are in. */
export interface ClientOptions {
  /** `host:port` of the Temporal frontend. */
  readonly address: string;
  /** Default: `default`. */
  readonly namespace?: string;
  /** The one that the workers serve. Default: `chandler`. */
  readonly taskQueue?: string;
  /** What runs record as the sender of messages. Default: `PID@HOSTNAME`, as for every client of Temporal. */
  readonly identity?: string;
  /** TLS, API key and headers, if the frontend wants them: as `ConnectionOptions` of `@temporalio/client` has them. */
  readonly credentials?: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
  /** What sees every request, in place of the SDK's retries, as `ConnectionOptions` has it. Default: those retries. */
  readonly interceptors?: NonNullable<ConnectionOptions['interceptors']>;
}

/**
 * How a run ended. `already-provisioned`: the sentinel was there, so nothing was done. `aborted` is also what a run is that
 * was cancelled, terminated or timed out by the server.
 */
export type RunResult =
  | { readonly outcome: 'provisioned' | 'already-provisioned'; readonly result: ProvisionResult }
  | { readonly outcome: 'failed' | 'aborted'; readonly failure: PartFailure };

/** Which log of a step. */
export interface LogRef {
  /** Counts the launches from 1; default: the latest. */
  readonly generation?: number;
  /** The one of its finalizer. */
  readonly finalizer?: boolean;
}

/** Which piece of a log. */
export interface LogRange {
  /** Where it begins, in bytes of the log; if negative, counted from its end. Default 0. */
  readonly offset?: number;
  /**
   * Instead of `offset`, early enough for all that was printed since: Unix seconds, or if negative seconds before now, by the
   * host's clock. Logs bear no times, so it may begin earlier.
   */
  readonly sinceS?: number;
  /** Instead of `offset`, so many lines before the end; with `sinceS`, the later of the two. */
  readonly tailLines?: number;
  /** Of the log; the text may be longer. Default 131 072, at most 262 144. */
  readonly maxBytes?: number;
  /** How many seconds to wait for something to come. Default 0. */
  readonly followS?: number;
  /** Gives up, and leaves nothing of the reading behind. */
  readonly signal?: AbortSignal;
}

/**
 * What can be done to runs, from anywhere that reaches the server. Beside what is named, methods reject with the errors of
 * `@temporalio/client`: `WorkflowNotFoundError` for an id that no run has, and those of a connection that is gone.
 */
export interface ChandlerClient {
  /**
   * Starts a run and returns; {@link ChandlerClient.result} waits for its end. The id is `provision:HOST:PORT` unless one
   * is given, so that the server refuses a second run on a host.
   *
   * @throws ChandlerError invalid-input with every problem of the plan; lease-held if a run of that id is at work
   */
  start(plan: Plan, options?: { workflowId?: string }): Promise<{ workflowId: string; runId: string }>;
  /**
   * Starts following a host that provisions itself with a generated script; everything below works on that, too, but
   * `pause`. The id is `watch:HOST:PORT` unless one is given.
   *
   * Go: `Runner.WaitProvisioned`, which ran in the caller and had no way to act on the host.
   *
   * @throws ChandlerError as {@link ChandlerClient.start}
   */
  watch(input: WatchInput, options?: { workflowId?: string }): Promise<{ workflowId: string; runId: string }>;
  /** Where a run is, step by step; also of a run that is over, as long as the server keeps it and a worker runs. */
  status(workflowId: string): Promise<RunStatus>;
  /**
   * Runs a parked step, or its parked finalizer, again; with `resetDownstream` also a step that was done, and all that needs
   * it. Answers with the status after that.
   *
   * @throws ChandlerError invalid-input with the reason why not: no such step, not parked, decided already, the run is over
   */
  retry(workflowId: string, input: RetryStep): Promise<RunStatus>;
  /** Treats a parked step, or its parked finalizer, as done. @throws ChandlerError as {@link ChandlerClient.retry} */
  skip(workflowId: string, input: SkipStep): Promise<RunStatus>;
  /**
   * Ends a run and everything of it that still runs on the host. Answers before that has happened.
   *
   * @throws ChandlerError invalid-input if it is being aborted already or over
   */
  abort(workflowId: string, input?: WithReason): Promise<RunStatus>;
  /**
   * Starts no further step; those that run go on.
   *
   * @throws ChandlerError invalid-input if the run is paused already or over, or if the host's own script is at work
   */
  pause(workflowId: string, input?: WithReason): Promise<RunStatus>;
  /** Goes on after a pause. @throws ChandlerError invalid-input if the run is not paused or over */
  resume(workflowId: string, input?: WithReason): Promise<RunStatus>;
  /**
   * Gives a step more time than its timeout, while it runs or before: `{ step, by: '10m' }`.
   *
   * @throws ChandlerError invalid-input if nothing of the step will run any more, or the run is over
   */
  extendTimeout(workflowId: string, input: ExtendTimeout): Promise<RunStatus>;
  /** Waits until a run is over, for as long as that takes. Resolves for failures, too: they are an outcome. */
  result(workflowId: string): Promise<RunResult>;
  /**
   * A piece of the log of a step, or of its finalizer, read from the host by a worker; secrets are starred. `generation`
   * counts its launches from 1, and the latest is the default.
   *
   * Go: `Runner.History`, which had the terminal's scrollback only.
   *
   * @throws ChandlerError log-unavailable if there is no such step, launch or log; otherwise the code of what failed on the
   *   way to the host
   */
  readLog(workflowId: string, step: string, options?: LogRef & LogRange): Promise<LogPage>;
  /**
   * For reading on: answers a function that reads pieces of one log, as {@link ChandlerClient.readLog} does, without asking
   * the run again each time.
   *
   * @throws ChandlerError log-unavailable as {@link ChandlerClient.readLog}
   */
  openLog(
    workflowId: string,
    step: string,
    options?: LogRef,
  ): Promise<(range?: LogRange) => Promise<LogPage>>;
  /**
   * Looks at a worker, through it at a host, and at what a plan would find there; nothing is changed on the host. What fails
   * on the way to the host is part of the answer. A check of a step runs as in a run, so it has a minute.
   *
   * @throws ChandlerError no-worker if none has taken the question up within ten seconds; invalid-input with every problem of
   *   the plan or the target
   */
  inspect(input?: InspectInput): Promise<Inspection>;
  /** The client underneath, for what is not here. */
  readonly temporal: Client;
  /** Closes the connection; runs go on. */
  close(): Promise<void>;
}

const DEFAULT_TASK_QUEUE = 'chandler';
/** A worker that is there takes a question up within milliseconds. */
const TAKEN_UP_WITHIN_MS = 10_000;
const LOG_PAGE_BYTES = 128 * 1024;
/** Six times as much at worst, as JSON, is under the engine's 2 MB for a payload. */
const MOST_LOG_PAGE_BYTES = 256 * 1024;
/** For a worker to come, the host to be reached and a page to be read. */
const LOG_TIMEOUT_MS = 60_000;

/**
 * Connects to a Temporal server: a client that starts runs, watches them and acts on them. Workers do the work.
 *
 * @throws Error of `@temporalio/client` when the server does not answer within ten seconds
 */
export async function connect(options: ClientOptions): Promise<ChandlerClient> {
  const { address, credentials, interceptors } = options;
  const connection = await Connection.connect({
    ...credentials,
    address,
    connectTimeout: '10s',
    ...(interceptors && { interceptors }),
  }).catch((cause: unknown) => {
    throw new Error(`no Temporal server answers at ${address}: ${reasonOf(cause)}`, { cause });
  });
  const client = new Client({
    connection,
    namespace: options.namespace ?? 'default',
    ...(options.identity !== undefined && { identity: options.identity }),
  });
  return createClient(client, options.taskQueue ?? DEFAULT_TASK_QUEUE, () => connection.close());
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
        facts: { advice: `Follow it with: chandler status ${workflowId} --watch` },
      });
    }
  };

  const openLog: ChandlerClient['openLog'] = async (workflowId, step, options = {}) => {
    const { generation, finalizer = false } = options;
    const { runId } = await handle(workflowId).describe();
    const launches = await handle(workflowId).query<LaunchesAnswer>('launches');
    const { host } = launches;
    const known = launches.steps.find(({ name }) => name === step);
    if (!known || !host) {
      const names = launches.steps.map(({ name }) => name).join(', ');
      throw new ChandlerError(
        'log-unavailable',
        known ? 'the run has not reached its host yet' : `there is no step "${step}"; the steps are ${names}`,
      );
    }
    const latest = finalizer ? known.finalizerGeneration : known.generation;
    if (latest === 0) throw new ChandlerError('log-unavailable', `${step} has not started yet`);
    const launch = makeLaunch(launches.owner, step, finalizer ? 'finalizer' : 'step', generation ?? latest);
    const { summary, details } = describeLog(step, workflowId);
    return async (range = {}) => {
      const { offset = 0, sinceS, tailLines, maxBytes = LOG_PAGE_BYTES, followS = 0, signal } = range;
      const start = {
        ...(sinceS !== undefined && { sinceS }),
        ...(tailLines !== undefined && { tailLines }),
      };
      signal?.throwIfAborted();
      const reading = await temporal.workflow.start<typeof readStepLog>('readStepLog', {
        workflowId: `log:${runId}:${step}:${randomUUID()}`,
        taskQueue,
        staticSummary: summary,
        staticDetails: details,
        // Whoever asked has given up by then.
        workflowExecutionTimeout: LOG_TIMEOUT_MS + followS * 1000,
        args: [
          {
            host,
            launch,
            offset,
            ...(Object.keys(start).length > 0 && { start }),
            maxBytes: Math.min(maxBytes, MOST_LOG_PAGE_BYTES),
            followS,
            secrets: known.secrets,
          },
        ],
      });
      return finishReading(reading, signal);
    };
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

    readLog: async (workflowId, step, options = {}) => (await openLog(workflowId, step, options))(options),
    openLog,

    async inspect(input = {}) {
      const { plan, target = plan?.target } = input;
      const { problems } = plan ? validatePlan(plan) : target ? validateWatch({ target }) : {};
      if (problems)
        throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
      const where = target === undefined ? 'a worker' : addressOf(target);
      const started = await temporal.workflow.start<typeof inspectHost>('inspectHost', {
        workflowId: `inspect:${randomUUID()}`,
        taskQueue,
        workflowExecutionTimeout: '5m',
        staticSummary: `look at ${where}`.slice(0, 200),
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

/** The page that a workflow reads. It is terminated with `signal`: there is nothing in it that must come to its end. */
async function finishReading(
  reading: WorkflowHandle<typeof readStepLog>,
  signal: AbortSignal | undefined,
): Promise<LogPage> {
  const done = new AbortController();
  const given = new Promise<void>((resolve) => {
    signal?.addEventListener('abort', () => resolve(), { signal: done.signal });
    if (signal?.aborted) resolve();
  });
  try {
    const page = await Promise.race([reading.result(), given]);
    if (page) return page;
    await reading.terminate('nobody waits for it any more');
    throw signal?.reason;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    if (error.cause instanceof TimeoutFailure) {
      throw new ChandlerError('log-unavailable', 'no worker has read the log in time', {
        cause: error,
        facts: { advice: 'Start a worker: chandler worker' },
      });
    }
    throw failureOfAnswer(error);
  } finally {
    done.abort();
  }
}

/** What a question comes to. One that nobody takes up is withdrawn: whoever starts a worker later has no use for it. */
async function answerOf<T>(asked: WorkflowHandle, answer: Promise<T>): Promise<T> {
  const over = new AbortController();
  let withdrawn: ChandlerError | undefined;
  const nobody = async () => {
    await delay(TAKEN_UP_WITHIN_MS, undefined, { ref: false, signal: over.signal });
    const { raw } = await asked.describe();
    // Only the very first of its tasks can still be waiting after that time.
    const { pendingWorkflowTask: waiting } = raw;
    if (!waiting) return answer;
    const why =
      (waiting.attempt ?? 0) > 1 ? 'workers fail at it: are they older than this?' : 'none is there';
    withdrawn = new ChandlerError('no-worker', `no worker has taken the question up: ${why}`);
    await asked.terminate('no worker has taken it up');
    throw withdrawn;
  };
  try {
    return await Promise.race([answer, nobody()]);
  } catch (error) {
    // Its end by us may be heard of before we are done with it.
    throw withdrawn ?? failureOfAnswer(error);
  } finally {
    over.abort();
  }
}

/** What a question failed with, in our words. */
function failureOfAnswer(error: unknown): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  const { code, message, advice } = readFailedEnd(error);
  return new ChandlerError(code, message, { cause: error, facts: { advice } });
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
