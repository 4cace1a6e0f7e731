import type { Client, ConnectionOptions } from '@temporalio/client';
import type { LogPage } from '../activities/activity-types.ts';
import type { DriftReport } from '../domain/run/drift.ts';
import type { CleanResult, OwnedLeftover } from '../domain/run/leftovers.ts';
import type { Plan, Target, WatchInput } from '../domain/plan/schema.ts';
import type { ExtendTimeout, RetryStep, SkipStep, WithReason } from '../domain/run/actions.ts';
import type { AuditEntry } from '../domain/run/audit-trail.ts';
import type { FailureFacts } from '../domain/run/failure.ts';
import type { PartFailure, RunStatus } from '../domain/run/status.ts';
import type { Fleets } from './fleet-types.ts';
import type { DriftSchedules } from './schedule-types.ts';
import type { ServerReports } from './server-types.ts';
import type { CleanInput, InspectInput, Inspection, ProvisionResult } from '../workflows/index.ts';

/** How to wait for an answer from a worker. */
export interface AskOptions {
  /** Also ends the workflow that asks. */
  readonly signal?: AbortSignal | undefined;
  /** Called once if no worker takes the task soon. */
  readonly onWaiting?: ((taskQueue: string) => void) | undefined;
}

/** How to connect to a Temporal server. */
export interface ClientOptions {
  /** `host:port` of the Temporal frontend. */
  readonly address: string;
  /** Default: `default`. */
  readonly namespace?: string;
  /** The task queue of the workers. Default: `chandler`. */
  readonly taskQueue?: string;
  /** The sender that runs record for actions. Default: `PID@HOSTNAME`, as for every client of Temporal. */
  readonly identity?: string;
  /** TLS, API key and headers, as in `ConnectionOptions` of `@temporalio/client`. */
  readonly credentials?: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
  /** gRPC interceptors, as in `ConnectionOptions`, in place of the SDK's retries. Default: those retries. */
  readonly interceptors?: NonNullable<ConnectionOptions['interceptors']>;
}

/**
 * How a run ended. `already-provisioned`: the sentinel existed, so nothing was done. `incomplete`: the run was limited to some
 * steps, and others are not done, so neither finalizers ran nor was the sentinel written. `aborted` also covers runs that were
 * cancelled, terminated or timed out by the server.
 */
export type RunResult =
  | { readonly outcome: ProvisionResult['outcome']; readonly result: ProvisionResult }
  | { readonly outcome: 'failed' | 'aborted'; readonly failure: RunFailure };

/** Why a run failed, with its audit trail: the latest 100 actions. */
export interface RunFailure extends PartFailure, Pick<FailureFacts, 'step' | 'host' | 'problems'> {
  readonly auditTrail?: readonly AuditEntry[];
}

/** The launches of a run that are alive on its host. */
export interface RunLeftovers {
  /** Missing if the run never reached its host. */
  readonly target?: Target;
  readonly leftovers: readonly OwnedLeftover[];
}

/** What the server knows about a run without asking a worker. */
export interface RunInfo {
  /** The workflow id. */
  readonly id: string;
  /** Distinguishes the runs that had this id. */
  readonly runId: string;
  /** As the server reports it: RUNNING, PAUSED, COMPLETED, FAILED, … */
  readonly status: string;
  /** Empty if the namespace lacks Chandler's search attributes. */
  readonly phase: string;
  /** True while the run needs attention; false if the namespace lacks Chandler's search attributes. */
  readonly attention: boolean;
  /** Set while an operator has paused one of its activities with Temporal's own control. */
  readonly activityPaused?: true;
  /** The name of the plan; empty if it has none. */
  readonly plan: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Milliseconds since the epoch; missing while the run is open. */
  readonly endedAtMs?: number;
  /** Set while no worker can continue the run. A list does not have it. */
  readonly failedTask?: FailedTask;
}

/** A workflow task that no worker can handle, which the server repeats. */
export interface FailedTask {
  /** What the SDK of the latest worker reported: one line, up to 300 characters. */
  readonly reason: string;
  /** The command of the Temporal CLI that continues the run from its last good task; missing if it has none. */
  readonly reset?: string;
}

/** What the server knows about one run. */
export interface RunDescription extends RunInfo {
  /** The names of its steps; missing for a run that watches a self-provisioning host. */
  readonly steps?: readonly string[];
}

/** What a worker last reported about a running step or finalizer. */
export interface StepProgress {
  readonly step: string;
  /** True for the finalizer of `step`. */
  readonly finalizer: boolean;
  readonly attempt: number;
  /** The last line that it printed, secrets masked. */
  readonly lastLine: string;
  /** The size of its log so far. */
  readonly logBytes?: number;
}

/** Where a run does its work. */
export interface RunHost {
  /** The prefix of its launches' ids: `makeLaunch(owner, step, kind, attempt)` names one. */
  readonly owner: string;
  readonly target: Target;
  /** Absolute path of Chandler's state directory on the host. */
  readonly stateDir: string;
  /** The `ZMX_DIR` of the run's sessions on the host. */
  readonly zmxDir: string;
  /** Absolute path of zmx on the host; missing until it is known. */
  readonly zmxPath?: string;
}

/** Selects one of the runs that an id has had. */
export interface RunRef {
  /** The run id of Temporal; default: the latest. A run that continued as new is followed. */
  readonly runId?: string;
}

/** Selects a log of a step. */
export interface LogRef extends RunRef {
  /** Counted from 1; default: the latest. */
  readonly attempt?: number;
  /** Selects the log of the step's finalizer. */
  readonly finalizer?: boolean;
}

/** Selects a piece of a log. */
export interface LogRange {
  /** Where it begins, in bytes of the log; if negative, counted from its end. Default 0. */
  readonly offset?: number;
  /**
   * Replaces `offset`: begins early enough to include all output since this time. Unix seconds, or if negative seconds before
   * now, by the host's clock. Logs contain no times, so the piece may begin earlier.
   */
  readonly sinceS?: number;
  /** Replaces `offset`: begins this many lines before the end. With `sinceS`, the later of the two counts. */
  readonly tailLines?: number;
  /** The maximum number of bytes of the log; the text may be longer. Default 131 072, at most 262 144. */
  readonly maxBytes?: number;
  /** How many seconds to wait for new output. Default 0. */
  readonly followS?: number;
  /** Cancels the reading. */
  readonly signal?: AbortSignal;
}

/**
 * What can be done with runs, from anywhere that reaches the server. Besides the errors named below, methods reject with those of
 * `@temporalio/client`: `WorkflowNotFoundError` for an unknown id, and connection errors.
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
   * Starts a run that follows a self-provisioning host. Everything below works on it, except `pause`. The id is `watch:HOST:PORT`
   * unless one is given.
   *
   * @throws ChandlerError as {@link ChandlerClient.start}
   */
  watch(input: WatchInput, options?: { workflowId?: string }): Promise<{ workflowId: string; runId: string }>;
  /**
   * Returns the status of a run, step by step; also of a closed run, as long as the server keeps it and a worker runs.
   *
   * @throws RunPausedError while Temporal's workflow pause holds the run; it reports since when, and how to unpause it
   */
  status(workflowId: string, options?: RunRef): Promise<RunStatus>;
  /**
   * Lists runs, the latest first. `query` is a visibility query of Temporal; without one every run matches. A run that
   * continued as new is listed once. Default `limit`: 100.
   */
  list(options?: { readonly query?: string; readonly limit?: number }): Promise<RunInfo[]>;
  /** Returns what the server knows about a run, without asking a worker. */
  describe(workflowId: string, options?: RunRef): Promise<RunDescription>;
  /** Returns what the workers last reported about running steps and finalizers. Workers report every few seconds. */
  progress(workflowId: string, options?: RunRef): Promise<StepProgress[]>;
  /**
   * Returns where a run does its work; undefined until it has reached its host.
   *
   * @throws RunPausedError while Temporal's workflow pause holds the run
   */
  host(workflowId: string, options?: RunRef): Promise<RunHost | undefined>;
  /**
   * Runs a parked step, or its parked finalizer, again; with `resetDownstream` also a done step and every step that needs it.
   * Like every action, it returns the status once the run has accepted it. While Temporal's workflow pause holds the run, it
   * sends a signal, which the run handles once it is unpaused, and returns undefined.
   *
   * @throws ChandlerError invalid-input with why the run refuses it: no such step, not parked, an action pending, the run is over
   */
  retry(workflowId: string, input: RetryStep): Promise<RunStatus | undefined>;
  /** Treats a parked step, or its parked finalizer, as done. @throws ChandlerError as {@link ChandlerClient.retry} */
  skip(workflowId: string, input: SkipStep): Promise<RunStatus | undefined>;
  /**
   * Ends a run and everything it still runs on the host. Returns before the run has ended.
   *
   * @throws ChandlerError invalid-input if it is already being aborted, or over
   */
  abort(workflowId: string, input?: WithReason): Promise<RunStatus | undefined>;
  /**
   * Starts no further step; running steps continue.
   *
   * @throws ChandlerError invalid-input if the run is already paused, follows a self-provisioning host, or is over
   */
  pause(workflowId: string, input?: WithReason): Promise<RunStatus | undefined>;
  /** Continues after a pause. @throws ChandlerError invalid-input if the run is not paused, or over */
  resume(workflowId: string, input?: WithReason): Promise<RunStatus | undefined>;
  /**
   * Gives a step more time before its timeout, before or while it runs: `{ step, by: '10m' }`.
   *
   * @throws ChandlerError invalid-input if no part of the step will run any more, or the run is over
   */
  extendTimeout(workflowId: string, input: ExtendTimeout): Promise<RunStatus | undefined>;
  /** Waits until a run is over, however long that takes. Also resolves for failures, because a failure is an outcome. */
  result(workflowId: string, options?: RunRef): Promise<RunResult>;
  /**
   * Returns a piece of the log of a step, or of its finalizer. A worker reads it from the host; secrets are masked. `attempt`
   * counts launches from 1; default: the latest.
   *
   * @throws ChandlerError log-unavailable if there is no such step, launch or log; otherwise why the host cannot be reached
   */
  readLog(workflowId: string, step: string, options?: LogRef & LogRange): Promise<LogPage>;
  /**
   * Returns a function that reads pieces of one log like {@link ChandlerClient.readLog}, without asking the run each time.
   *
   * @throws ChandlerError log-unavailable as {@link ChandlerClient.readLog}
   */
  openLog(
    workflowId: string,
    step: string,
    options?: LogRef,
  ): Promise<(range?: LogRange) => Promise<LogPage>>;
  /**
   * Inspects a worker, through it a host, and what a plan would find there; changes nothing on the host. A failure to reach the
   * host is part of the result. A check of a step runs as in a run, for at most a minute.
   *
   * @throws ChandlerError no-worker if no worker takes the task within ten seconds; invalid-input with every problem of the input
   */
  inspect(input?: InspectInput, options?: AskOptions): Promise<Inspection>;
  /**
   * Compares a host with a plan; changes nothing on the host. Every check of the plan runs, for at most a minute. By default no
   * notification is sent of the result.
   *
   * @throws ChandlerError no-worker as {@link ChandlerClient.inspect}; invalid-input with every problem of the plan; lease-held while a run
   * is at work on the host; otherwise why the host cannot be inspected
   */
  checkDrift(plan: Plan, options?: AskOptions & { readonly notify?: boolean }): Promise<DriftReport>;
  /**
   * Finds the launches of a run that are alive on its host, through a worker. `signal` cancels the search.
   *
   * @throws ChandlerError no-worker; otherwise the code of the failure to reach the host
   */
  leftovers(workflowId: string, options?: RunRef & { readonly signal?: AbortSignal }): Promise<RunLeftovers>;
  /**
   * Ends the launches and sessions that earlier runs left on a host, and verifies that. `run` is the id of a run that must lose
   * the host, for example because its server is gone.
   *
   * @throws ChandlerError lease-held if another run, or the self-provisioning script, is working there; no-worker; otherwise the code of
   * the failure to reach the host
   */
  clean(input: CleanInput, options?: AskOptions): Promise<CleanResult>;
  /** Rollouts of a plan to many hosts. */
  readonly fleets: Fleets;
  /** Schedules of the server that check hosts for drift. */
  readonly driftSchedules: DriftSchedules;
  /** What the server reports about itself. */
  readonly server: ServerReports;
  /**
   * Bounds the requests that `ask` makes with this client, in milliseconds. Without a bound, a request that only a worker can
   * answer waits until one runs.
   *
   * @throws the gRPC error DEADLINE_EXCEEDED of `@temporalio/client`
   */
  within<T>(ms: number, ask: () => Promise<T>): Promise<T>;
  /**
   * Returns a client for which `workflowId` means the run with this run id, not the latest. It shares this client's connection.
   */
  pin(workflowId: string, runId: string): ChandlerClient;
  /** The client of the SDK, for everything else. */
  readonly temporal: Client;
  /** Closes the connection; runs continue. Pending requests reject as cancelled (gRPC 1). */
  close(): Promise<void>;
}
