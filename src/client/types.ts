import type { Client, ConnectionOptions } from '@temporalio/client';
import type { LogPage } from '../activities/types.ts';
import type { Plan, WatchInput } from '../domain/schema.ts';
import type { Intervention, PartFailure, RunStatus } from '../domain/status.ts';
import type { InspectInput, Inspection, ProvisionResult } from '../workflows/index.ts';
import type { ExtendTimeout, RetryStep, SkipStep, WithReason } from '../workflows/messages.ts';

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
  | { readonly outcome: 'failed' | 'aborted'; readonly failure: RunFailure };

/** Why a run failed, and what people had done to it: the latest 100. */
export interface RunFailure extends PartFailure {
  readonly interventions?: readonly Intervention[];
}

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
  /** Closes the connection; runs go on. What is being waited for rejects as cancelled (gRPC 1). */
  close(): Promise<void>;
}
