import type { BootEvent } from '../domain/run/boot-event.ts';
import type { HostFailure } from '../domain/fleet/host-report.ts';
import type { Launch } from '../domain/run/ids.ts';
import type { LaunchState, StartWaiting } from '../domain/run/launch-state.ts';
import type { CleanResult, EndedLeftover, KeptSessions, OwnedLeftover } from '../domain/run/leftovers.ts';
import type { FilePins } from '../domain/plan/files.ts';
import type { Problem } from '../domain/plan/problems.ts';
import type { Notification, NotificationChannel, NotifySettings } from '../domain/run/notification.ts';
import type { Plan, Target } from '../domain/plan/schema.ts';
import type { RecordEntry } from '../domain/run/part-record.ts';
import type { SearchAttribute } from '../domain/run/search-attributes.ts';
import type { PartFailure } from '../domain/run/status.ts';
import type { StepAnswer } from '../domain/run/drift.ts';
import type { WaitPace } from '../domain/run/wait-pace.ts';
import type { ResolvedPlan, ResolvedStep } from '../domain/plan/resolve-plan.ts';
import type { Finding } from '../domain/run/finding.ts';
import type { HostFacts } from '../host/host-facts.ts';
import type { LogStart } from '../host/launch.ts';
import type { HostReport } from '../host/host-report.ts';
import type { RecordedParts } from '../host/recorded-parts.ts';
import type { ScriptState } from '../host/script-state.ts';
import type { ZmxForecast } from '../host/zmx-forecast.ts';
import type { ZmxInstallation } from '../host/zmx-installation.ts';
import type { LeaseHolder } from './lease-holder.ts';
import type { ScriptView } from './script-view.ts';
import type { Ended, Prompted, Started } from './wait-answers.ts';

/** What the server knows about the latest run of a workflow id. */
export interface RunSurvey {
  readonly workflowId: string;
  /** `none`: there is no such run. */
  readonly state: 'none' | 'open' | 'over';
  /** The run id of its first execution. */
  readonly firstRunId?: string;
  /** The workflow id of its parent, if it has one. */
  readonly parentId?: string;
  /** The digest of the plan that its fleet gave it. */
  readonly digest?: string;
  /** Set for a run that is over and did not succeed. */
  readonly failure?: HostFailure;
}

/** Everything an activity needs to find the host again: activities remember nothing. */
export interface HostRef {
  readonly target: Target;
  readonly facts: HostFacts;
  readonly zmx?: ZmxInstallation;
}

/** Something that a plan names and the worker cannot provide, and what to do about it. */
export interface Lack {
  /** Where the plan names it: `steps[2].secrets.TOKEN`. */
  readonly path: string;
  /** The name of the step that needs it; missing if the whole run does. */
  readonly step?: string;
  readonly failure: PartFailure;
}

export interface Admission {
  readonly problems: readonly Problem[];
  /** Chandler's search attributes that the server knows; setting an unknown one would block the workflow for ever. */
  readonly searchAttributes: readonly SearchAttribute[];
  /** Which events of the run are notified, and how; missing if none. */
  readonly notify?: NotifySettings;
  /** What the worker lacks for the plan; missing if nothing. */
  readonly lacks?: readonly Lack[];
  /** What files of the worker are now; missing if the plan names none. */
  readonly pins?: FilePins;
}

/** Launches of an earlier run that a run with the same work continues. */
export interface Adopted {
  /** The owner in their ids. */
  readonly owner: string;
  readonly alive: readonly OwnedLeftover[];
  /** True if the launches are the run's own: an operator reset its workflow. */
  readonly isOwn?: true;
}

export interface PreparedHost {
  readonly facts: HostFacts;
  /** Where the sentinel is, or will be. */
  readonly sentinelPath: string;
  /** The content of the sentinel, if it exists. */
  readonly sentinel?: string;
  /** The state of the host's self-provisioning script, if it has one. */
  readonly script?: ScriptState;
  /** What earlier runs of the plan recorded; missing if nothing. */
  readonly recorded?: RecordedParts;
  readonly pruned: number;
  /** The content of the host's lease file; missing if the host was released again, because its sentinel leaves nothing to do. */
  readonly lease?: string;
  readonly adopted?: Adopted;
  /** Launches of an earlier run that were ended. */
  readonly ended: readonly EndedLeftover[];
  /** Missing if it was not requested, or must be downloaded. */
  readonly zmx?: ZmxInstallation;
}

export interface Killed {
  /** How many processes of the launch were found, and how many of them could not be killed. */
  readonly found: number;
  readonly left: number;
  /** The exit code of a launch that had ended by itself before. */
  readonly exitCode?: number;
}

/** A piece of a step's log, masked. */
export interface LogPage {
  readonly text: string;
  /** Where the next page begins, in bytes. */
  readonly nextOffset: number;
  /** The size of the whole log so far, in bytes. */
  readonly size: number;
  /** True once the launch is over and everything has been read. */
  readonly complete: boolean;
  /** Set with `complete` if the host could not keep all that was printed. */
  readonly cut?: true;
}

/** A step or its finalizer. */
export type PartRef = Pick<Launch, 'step' | 'kind'>;

/** The inspection of a worker: of itself, and of the places where it resolves references. */
export interface WorkerInspection {
  /** `chandler/VERSION PID@HOST` */
  readonly identity: string;
  readonly version: string;
  /** How far its clock is ahead of the server's. Milliseconds. */
  readonly aheadMs: number;
  readonly findings: readonly Finding[];
  readonly lacks: readonly Lack[];
  /** What the files of the worker are now that the plan names; missing if it names none. */
  readonly pins?: FilePins;
}

/** What a worker can inspect by itself. */
export type WorkerSelfInspection = Omit<WorkerInspection, 'aheadMs' | 'lacks' | 'pins'>;

/** The inspection of a host, which changes nothing there. */
export interface HostInspection extends Omit<HostReport, 'lease' | 'leftovers'> {
  /** How far its clock is ahead of the worker's, in milliseconds, accurate to half a second. */
  readonly aheadMs: number;
  /** The holder of the lease. `atWork` is false for a lease that a run would replace. */
  readonly holder?:
    | {
        readonly kind: 'run';
        readonly workflowId: string;
        readonly runId: string;
        readonly namespace: string;
        readonly atWork: boolean;
        /** The digest of the holder's plan. */
        readonly digest?: string;
      }
    | { readonly kind: 'script' | 'unknown'; readonly atWork: boolean };
  /** Launches that are alive or may still begin. */
  readonly leftovers: readonly OwnedLeftover[];
  /** Launches that a run would continue: of the self-provisioning script or of a finished run, if the work is the same. */
  readonly launches: readonly { readonly launch: Launch; readonly state: LaunchState }[];
  readonly zmx: ZmxForecast;
  /** How many sessions sshd has opened at once over one connection; missing unless it was tested. */
  readonly execs?: { readonly tried: number; readonly opened: number };
}

/** Every activity of Chandler. Workflow code knows this type only. */
export interface Activities {
  admitPlan(plan: unknown): Promise<Admission>;
  admitWatch(input: unknown): Promise<Admission>;
  admitFleet(input: unknown): Promise<Admission>;
  /** Asks the server about the latest runs of workflow ids. */
  surveyRuns(input: { workflowIds: readonly string[] }): Promise<readonly RunSurvey[]>;
  /** Sends a signal to those of the runs that are open. */
  signalRuns(input: {
    runs: readonly { readonly workflowId: string; readonly firstRunId: string }[];
    signal: string;
    input: unknown;
  }): Promise<void>;
  /** Validates the input of a workflow that is not a run. */
  checkInput(input: { plan: unknown } | { target: unknown }): Promise<readonly Problem[]>;
  prepareHost(input: {
    target: Target;
    /** Default: `provisioned` in the state directory. */
    sentinelPath?: string;
    holder: LeaseHolder;
    /** The digest of the plan: a self-provisioning script with the same one hands its work over. */
    digest: string;
    /** The name of the plan's records. */
    plan: string;
    /** What to do with launches of other work that an earlier run left behind. */
    onLeftovers: ResolvedPlan['onLeftovers'];
    pruneAfterDays: number;
    /** Set: install zmx on a host without a sentinel, if nothing must be downloaded. */
    zmx?: ResolvedPlan['zmx'];
    /** A text that a sentinel contains if it leaves the run nothing to do. */
    doneMark?: string;
  }): Promise<PreparedHost>;
  /** Ends what earlier runs left on a host. A holder of the lease that is finished, or that `run` names, loses the lease. */
  cleanHost(input: { target: Target; holder: LeaseHolder; run?: string }): Promise<CleanResult>;
  /** Probes a host without taking its lease. */
  probeHost(input: { target: Target }): Promise<HostFacts>;
  /** The latest launch of each part that has one. */
  surveyLaunches(input: {
    host: HostRef;
    owner: string;
    parts: readonly PartRef[];
  }): Promise<readonly { readonly launch: Launch; readonly state: LaunchState }[]>;
  /** Waits until the state of the script differs from `seen`. */
  followScript(input: {
    host: HostRef;
    parts: readonly PartRef[];
    sentinelPath?: string;
    seen: string;
  }): Promise<ScriptView>;
  /** The plan of the script. Fails if the script on the host carries no valid plan. */
  readScriptPlan(input: { host: HostRef }): Promise<Omit<Plan, 'target'>>;
  /** Ends the script and everything that it has started. */
  stopScript(input: { host: HostRef }): Promise<void>;
  /** Waits for one event of the first boot. `recovered`: what cloud-init says about errors that it recovered from. */
  awaitBootstrap(input: {
    host: HostRef;
    event: BootEvent;
    timeoutMs: number;
  }): Promise<{ readonly recovered?: string }>;
  installZmx(input: { host: HostRef; zmx: ResolvedPlan['zmx'] }): Promise<ZmxInstallation>;
  /**
   * Starts a launch, and waits for its end for a moment, as `waitStep` does. Safe to repeat. With `waiting` the launch has not begun:
   * start it again.
   */
  runStep(input: {
    host: HostRef;
    step: ResolvedStep;
    launch: Launch;
    record: RecordEntry;
    lease?: string;
  }): Promise<Ended | Started | 'satisfied' | { readonly waiting: StartWaiting }>;
  inspectLaunch(input: { host: HostRef; launch: Launch }): Promise<LaunchState>;
  /** Waits for the end of a launch, or for another prompt than `prompt`. `running`: the time of `pace` is up. */
  waitStep(input: {
    host: HostRef;
    launch: Launch;
    secrets: ResolvedStep['secrets'];
    pace: WaitPace;
    prompt?: string;
  }): Promise<Ended | Prompted | 'running'>;
  /** Starts a finalizer and waits like `waitStep`. Safe to repeat. */
  finalizeStep(input: {
    host: HostRef;
    step: ResolvedStep;
    launch: Launch;
    record: RecordEntry;
    pace: WaitPace;
    lease?: string;
  }): Promise<Ended | 'running'>;
  /**
   * Writes the sentinel, reads it back, and releases the host. If all launches of `owner` are done and a self-provisioning script
   * began them, its record becomes `provisioned`, too, and the host is released by a call of its own.
   */
  verifySentinel(input: {
    host: HostRef;
    path: string;
    content: string;
    owner?: string;
    lease?: string;
    /** Launches whose sessions are closed when the host is released. */
    close: readonly Launch[];
    /** The sessions that stay of launches that a reset has made the run forget. */
    keep: KeptSessions;
  }): Promise<{ readonly released: boolean }>;
  killStep(input: {
    host: HostRef;
    launch: Launch;
    graceS: number;
    /** Keeps the session open for operators. */
    keepSession?: boolean;
  }): Promise<Killed>;
  readLog(input: {
    host: HostRef;
    launch: Launch;
    offset: number;
    /** Replaces `offset`. */
    start?: LogStart;
    maxBytes: number;
    followS: number;
    secrets: ResolvedStep['secrets'];
  }): Promise<LogPage>;
  /** Fails until the notification is delivered. */
  sendNotification(input: { notification: Notification; channel: NotificationChannel }): Promise<void>;
  /** Without `lease` the host stays leased, so that the next run finds what is left. `withdraw`: a sentinel that must not stay. */
  releaseHost(input: {
    host: HostRef;
    lease?: string;
    close: readonly Launch[];
    keep: KeptSessions;
    withdraw?: string;
  }): Promise<void>;
  inspectWorker(input: { plan?: Plan }): Promise<WorkerInspection>;
  /** Inspects a host without changing it. */
  inspectHost(input: {
    target: Target;
    /** Default: `provisioned` in the state directory. */
    sentinelPath?: string;
    /** A bootstrap marker to search for. */
    marker?: string;
    zmx?: ResolvedPlan['zmx'];
    /** The name of a plan's records. */
    plan?: string;
    /** The digest of a plan; with `parts`, to find out what a run would adopt. */
    digest?: string;
    parts?: readonly PartRef[];
    /** Counts how many execs sshd allows at once, and how long a login shell takes. */
    countExecs?: boolean;
  }): Promise<HostInspection>;
  /** Runs the check of a step, and compares its files. `id` is reserved; the launch is never created. */
  checkStep(input: { target: Target; stateDir: string; step: ResolvedStep; id: string }): Promise<StepAnswer>;
}
