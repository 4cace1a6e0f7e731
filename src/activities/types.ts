import type { Launch } from '../domain/ids.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import type { Problem } from '../domain/problems.ts';
import type { Notification, NotificationChannel, NotifyWish } from '../domain/notification.ts';
import type { Plan, Target } from '../domain/schema.ts';
import type { SearchAttribute } from '../domain/search-attributes.ts';
import type { PartFailure } from '../domain/status.ts';
import type { ResolvedPlan, ResolvedStep } from '../domain/plan.ts';
import type { Finding } from '../domain/finding.ts';
import type { HostFacts } from '../host/facts.ts';
import type { LogStart } from '../host/launch.ts';
import type { HostLook } from '../host/inspect.ts';
import type { ScriptState } from '../host/script-state.ts';
import type { ZmxForecast } from '../host/zmx-forecast.ts';
import type { ZmxInstallation } from '../host/zmx-installation.ts';

/** Everything an activity needs to find the host again: activities remember nothing. */
export interface HostRef {
  readonly target: Target;
  readonly facts: HostFacts;
  readonly zmx?: ZmxInstallation;
}

/** Who holds a host. */
export interface LeaseHolder {
  readonly namespace: string;
  /** Tells namespaces of one name on different servers apart; workers know it, workflows do not. */
  readonly namespaceId?: string;
  readonly workflowId: string;
  readonly firstRunId: string;
}

export interface Admission {
  readonly problems: readonly Problem[];
  /**
   * Those of ours that the server knows; setting unknown ones would block the workflow for ever. Histories of older builds
   * have a boolean: all four that there were, or none.
   */
  readonly searchAttributes: readonly SearchAttribute[] | boolean;
  /** What people are to be told of the run, and how; missing if nothing. */
  readonly notify?: NotifyWish;
}

export interface PreparedHost {
  readonly facts: HostFacts;
  /** Where the sentinel is, or will be. */
  readonly sentinelPath: string;
  /** The content of the sentinel, if there is one. */
  readonly sentinel?: string;
  /** The script with which the host provisions itself, if it has one. */
  readonly script?: ScriptState;
  readonly pruned: number;
}

/** A launch that ended with exit code 0. Every other ending is a failure with a code. */
export interface Ended {
  readonly exitCode: 0;
  readonly elapsedMs: number;
  readonly logBytes: number;
}

export interface Killed {
  /** Processes of the launch that were found, and those that would not die. */
  readonly found: number;
  readonly left: number;
  /** The code of a launch that had ended by itself before it was to be killed. */
  readonly exitCode?: number;
}

/** A piece of a step's log: redacted text. */
export interface LogPage {
  readonly text: string;
  /** Where the next piece begins, in bytes. */
  readonly nextOffset: number;
  /** Of the whole log so far, in bytes. */
  readonly size: number;
  /** True when the launch is over and everything has been read. */
  readonly complete: boolean;
  /** Set with `complete` if the host could not keep all that was printed. */
  readonly cut?: true;
}

/** A step or its finalizer. */
export type PartRef = Pick<Launch, 'step' | 'kind'>;

/** A launch of the script with which a host provisions itself. */
export interface ScriptPart {
  readonly launch: Launch;
  readonly state: LaunchState;
  /** How the part ended for the script; missing while it goes on. */
  readonly outcome?: string;
  /** Set when it has failed for good. */
  readonly failure?: PartFailure;
}

/** What can be seen of such a script. */
export interface ScriptView {
  /** Missing on a host that has none, or none yet. */
  readonly script?: ScriptState;
  readonly sentinelPath: string;
  /** Content of the sentinel; looked for once the script has ended well, or if there is none. */
  readonly sentinel?: string;
  /** Parts that have begun. */
  readonly parts: readonly ScriptPart[];
  /** Changes with everything else. */
  readonly seen: string;
}

/** A worker, as it sees itself and the places where it looks things up. */
export interface WorkerSight {
  /** `chandler/VERSION PID@HOST` */
  readonly identity: string;
  readonly version: string;
  /** How far its clock is before the engine's. Milliseconds. */
  readonly aheadMs: number;
  readonly findings: readonly Finding[];
  /** Steps of the plan whose secrets it does not have, and why. */
  readonly lacks: readonly { readonly step: string; readonly failure: PartFailure }[];
}

/** What a worker knows of itself without anybody's help. */
export type SelfSight = Omit<WorkerSight, 'aheadMs' | 'lacks'>;

/** A host, as a look that changes nothing finds it. */
export interface HostSight extends Omit<HostLook, 'lease'> {
  /** How far its clock is before the worker's. Milliseconds, to half a second. */
  readonly aheadMs: number;
  /** Who holds it; `atWork` is false for one that a run would replace. */
  readonly holder?:
    | {
        readonly kind: 'run';
        readonly workflowId: string;
        readonly runId: string;
        readonly namespace: string;
        readonly atWork: boolean;
      }
    | { readonly kind: 'script' | 'foreign'; readonly atWork: boolean };
  /** Of its own script, if that has the plan's work: what a run would go on from. */
  readonly launches: readonly { readonly launch: Launch; readonly state: LaunchState }[];
  readonly zmx: ZmxForecast;
  /** Sessions that sshd has opened at once over one connection, if that was tried. */
  readonly sessions?: { readonly tried: number; readonly opened: number };
}

/** Every activity of Chandler. Workflow code knows this type only. */
export interface Activities {
  admitPlan(plan: unknown): Promise<Admission>;
  admitWatch(input: unknown): Promise<Admission>;
  prepareHost(input: {
    target: Target;
    /** Default: `provisioned` in the state directory. */
    sentinelPath?: string;
    holder: LeaseHolder;
    /** Of the plan: a script that is at work on the same one leaves it to us. */
    digest: string;
    pruneAfterDays: number;
  }): Promise<PreparedHost>;
  /** Only looks: takes no lease. */
  probeHost(input: { target: Target }): Promise<HostFacts>;
  /** The latest launch of each part that has one. */
  surveyLaunches(input: {
    host: HostRef;
    owner: string;
    parts: readonly PartRef[];
  }): Promise<readonly { readonly launch: Launch; readonly state: LaunchState }[]>;
  /** Waits until the script is no longer as `seen` tells. */
  followScript(input: {
    host: HostRef;
    parts: readonly PartRef[];
    sentinelPath?: string;
    seen: string;
  }): Promise<ScriptView>;
  /** The plan of the script, unless somebody has changed it into something else. */
  readScriptPlan(input: { host: HostRef }): Promise<Omit<Plan, 'target'>>;
  /** Ends the script and everything that it has started. */
  stopScript(input: { host: HostRef }): Promise<void>;
  awaitBootstrap(input: { host: HostRef; marker: string; timeoutMs: number }): Promise<void>;
  installZmx(input: { host: HostRef; zmx: ResolvedPlan['zmx'] }): Promise<ZmxInstallation>;
  /** `starts` counts the orders to start this launch: a slow login gets more time with each. */
  runStep(input: {
    host: HostRef;
    step: ResolvedStep;
    launch: Launch;
    starts: number;
  }): Promise<'started' | 'satisfied'>;
  waitStep(input: { host: HostRef; launch: Launch; secrets: ResolvedStep['secrets'] }): Promise<Ended>;
  finalizeStep(input: { host: HostRef; step: ResolvedStep; launch: Launch; starts: number }): Promise<Ended>;
  verifySentinel(input: { host: HostRef; path: string; content: string }): Promise<void>;
  killStep(input: {
    host: HostRef;
    launch: Launch;
    graceS: number;
    /** For a person to look around in. */
    keepSession?: boolean;
  }): Promise<Killed>;
  readLog(input: {
    host: HostRef;
    launch: Launch;
    offset: number;
    /** Instead of `offset`. */
    start?: LogStart;
    maxBytes: number;
    followS: number;
    secrets: ResolvedStep['secrets'];
  }): Promise<LogPage>;
  /** Fails as long as nobody could be told. */
  sendNotification(input: { notification: Notification; channel: NotificationChannel }): Promise<void>;
  /** `withdraw` is a sentinel that must not stay. */
  releaseHost(input: {
    host: HostRef;
    holder: LeaseHolder;
    close: readonly Launch[];
    withdraw?: string;
  }): Promise<void>;
  /** `secrets` are the references of a plan's steps, by their names. */
  inspectWorker(input: { secrets: Readonly<Record<string, ResolvedStep['secrets']>> }): Promise<WorkerSight>;
  /** Changes nothing on the host. */
  lookAtHost(input: {
    target: Target;
    /** Default: `provisioned` in the state directory. */
    sentinelPath?: string;
    /** A bootstrap marker to look for. */
    marker?: string;
    zmx?: ResolvedPlan['zmx'];
    /** Of a plan; with its parts, for what a run would go on from. */
    digest?: string;
    parts?: readonly PartRef[];
    trySessions?: boolean;
  }): Promise<HostSight>;
  /** The exit code of a step's check, as a run asks it: 124 after a minute. `id` is a launch's that never comes to be. */
  checkStep(input: { target: Target; stateDir: string; step: ResolvedStep; id: string }): Promise<number>;
}
