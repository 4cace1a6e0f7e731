import type { DriftSchedule, FleetInfo, PausedRun, RunInfo, RunResult } from '../../client.ts';
import type { SandboxHost } from '../../dev/sandbox/index.ts';
import type { FleetHostStatus, FleetStatus } from '../../domain/fleet/fleet-status.ts';
import type { PlacedProblem } from '../../domain/plan/problems.ts';
import type { DriftReport } from '../../domain/run/drift.ts';
import type { Finding } from '../../domain/run/finding.ts';
import type { Leftover } from '../../domain/run/leftovers.ts';
import type { ServerPause } from '../../domain/run/server-pause.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import type { InventoryFormat } from '../hosts/read-inventory.ts';
import type { Change } from './changes.ts';

/**
 * What commands print with --json, by its name in schema/output.schema.json. `npm run schema` generates that file from these
 * types and their comments; a test compares it with the program's real output.
 */
export interface Outputs {
  /** `status ID`. Without steps when the run is over and no worker answers. */
  readonly run: RunOutput;
  /** `status`: the latest 100 runs. */
  readonly runs: readonly RunInfo[];
  /** `start`. */
  readonly started: {
    readonly id: string;
    readonly runId: string;
    /** The URL of its page in the UI, if known. */
    readonly url?: string;
  };
  /** `up`, `watch-host`, `status --watch`, `watch`: one a line. */
  readonly change: Change;
  /** `validate`. */
  readonly validation:
    | Valid
    | { readonly file: string; readonly ok: false; readonly problems: readonly PlacedProblem[] };
  /** `logs`: one a line. */
  readonly logChunk: {
    readonly attempt: number;
    readonly text: string;
    /** Where the log of that attempt continues, in bytes. */
    readonly nextOffset: number;
  };
  /** `retry`, `skip`, `abort`, …: one a line for each run. */
  readonly actionOutcome: ActionOutcome;
  /** `doctor`. */
  readonly findings: FindingsOutput;
  /** `diff`: one for each host. */
  readonly diffs: readonly Diff[];
  /** `drift`. */
  readonly drift: DriftReport;
  /** `up`, `start`, `diff`, `drift` and `doctor` with --hosts: one a line for each host. */
  readonly hostOutcome: HostOutcome;
  /** `hosts`. */
  readonly hosts: HostsOutput;
  /** `fleet status NAME`, and every action on a fleet; `fleet up` and `fleet watch`: one a line. */
  readonly fleet: FleetStatus;
  /** `fleet status`: the latest 100 fleets. */
  readonly fleets: readonly FleetInfo[];
  /** `fleet hosts`. */
  readonly fleetHosts: readonly FleetHostStatus[];
  /** `fleet report --format json`. */
  readonly fleetReport: FleetStatus & { readonly allHosts: readonly FleetHostStatus[] };
  /** `schedule list`. */
  readonly schedules: readonly DriftSchedule[];
  /** `schedule create`, `pause`, `resume` and `remove`. */
  readonly scheduleChange: {
    readonly id: string;
    readonly change: 'created' | 'updated' | 'paused' | 'resumed' | 'removed';
  };
  /** `sandbox list` and, without `running`, `sandbox up`. */
  readonly sandboxHosts: readonly (SandboxHost & { readonly running?: boolean })[];
  /** `clean`. */
  readonly leftovers: LeftoversOutput;
  /** `version`. */
  readonly version: { readonly version: string; readonly node: string };
  /** Any command that fails with --json: on a line of standard error. */
  readonly error: {
    readonly error: {
      readonly message: string;
      /** A failure code, or: usage, failed, unreachable, not-found, no-worker, no-permission. */
      readonly code: string;
      readonly exitCode: number;
    };
  };
}

/** Everything that may be printed as JSON. */
export type Output = Outputs[keyof Outputs];

interface RunHead {
  /** The id of the run. */
  readonly id: string;
  /** Distinguishes it from other runs of that id; commands accept it as --run-id. */
  readonly runId: string;
}

/** Set for a run that was terminated or timed out: one of the two keys. */
interface RunRest {
  /** What still runs on the host. */
  readonly leftovers?: readonly LeftoverOutput[];
  /** Why it is unknown what still runs on the host. */
  readonly leftoversUnknown?: string;
}

type RunOutput =
  | (RunHead & RunStatus & RunRest & { readonly result?: RunResult })
  // Once a run is over the server knows its result, but only a worker can show its steps.
  | (RunHead & RunRest & { readonly result: RunResult })
  | { readonly id: string; readonly serverPause: ServerPause; readonly known: PausedRun };

/** A plan without a problem. */
export interface Valid {
  readonly file: string;
  readonly ok: true;
  readonly steps: number;
  readonly finalizers: number;
  /** Of what the plan has. That of a run also covers the files of the worker, which only a worker knows. */
  readonly digest: string;
  /** The files of the worker, `worker:NAME`, whose checksum the plan does not have; missing if it has no such files. */
  readonly workerFiles?: readonly string[];
  /** Mistakes that are allowed, but probably not intended. */
  readonly warnings: readonly PlacedProblem[];
}

/** What a run did with an action. */
export interface ActionOutcome {
  readonly id: string;
  /** `retry`, `skip`, `abort`, … */
  readonly action: string;
  /** The steps for which it was sent; empty for the whole run. */
  readonly steps: readonly string[];
  readonly outcome: 'accepted' | 'queued' | 'refused' | 'unknown' | 'nothing-to-do' | 'would-be-sent';
  /** Why it was refused, or why there was nothing to do. */
  readonly reason?: string;
}

/** What the findings of a section are about. */
export interface Subject {
  readonly about: 'here' | 'server' | 'worker' | 'host';
  /** Its name: an address, the identity of a worker, a host. */
  readonly name: string;
}

export interface FindingsOutput {
  readonly problems: number;
  readonly warnings: number;
  readonly findings: readonly (Subject & Finding)[];
}

/** One subject on the host, and what a run would do about it. */
export interface DiffRow {
  /** `host`, `lease`, `leftover`, `sentinel`, `marker`, `zmx`, `step` or `finalizer`; a later version may add more. */
  readonly kind: string;
  /** The name of the step, finalizer or leftover. */
  readonly name?: string;
  /**
   * `keep`: nothing. `drift`: nothing, although its check fails or a file differs. `do`: run, install or write it. `wait`: for
   * work that has begun. `fail`: end with a failure.
   */
  readonly would: 'keep' | 'drift' | 'do' | 'wait' | 'fail' | 'unknown';
  readonly message: string;
}

/** What a run of a plan would do on one host. */
export interface Diff {
  /** `user@host:port` */
  readonly host: string;
  readonly plan: string;
  readonly digest: string;
  /**
   * `nothing-to-do`: the host counts as provisioned. `drifted`: it does, but a step's check fails or a file differs. `would-fail`: the
   * run would be refused, or fail, with the host and worker in their present state. `unknown`: the host could not be reached, or a
   * check on a provisioned host could not run.
   */
  readonly outcome: 'nothing-to-do' | 'drifted' | 'would-run' | 'would-fail' | 'unknown';
  /** The outcome in one line. */
  readonly message: string;
  readonly rows: readonly DiffRow[];
}

/** What a command did on one host of an inventory. */
export interface HostOutcome {
  /** The name in the inventory. */
  readonly name: string;
  /** The exit code that the command has for this host alone. */
  readonly exitCode: number;
  /** The outcome in one line. */
  readonly message: string;
  /** With `up` and `start`: the id of the run. */
  readonly id?: string;
  /** With `diff`. */
  readonly diff?: Diff;
  /** With `drift`. */
  readonly drift?: DriftReport;
  /** With `doctor`. */
  readonly findings?: FindingsOutput;
}

export interface HostsOutput {
  readonly file: string;
  readonly format: InventoryFormat;
  /** How many hosts the inventory has. */
  readonly total: number;
  /** Those that match --limit. */
  readonly hosts: readonly HostOutput[];
  /** Its settings that Chandler does not use. */
  readonly ignored: readonly IgnoredOutput[];
}

export interface HostOutput {
  /** The name in the inventory. */
  readonly name: string;
  /** From the weakest to the strongest. */
  readonly groups: readonly string[];
  /** The inventory's settings of the target; they override the plan's. */
  readonly target: TargetOutput;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** As in a plan. */
export interface TargetOutput extends HopOutput {
  /** The jump hosts, from the first. */
  readonly jump?: readonly HopOutput[];
  readonly become?: 'sudo';
  readonly connectTimeout?: string | number;
}

interface HopOutput {
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly identity?: string;
  readonly hostKey?: string;
}

export interface IgnoredOutput {
  /** The variable or key. */
  readonly name: string;
  readonly reason: string;
  /** Missing if it belongs to no single host. */
  readonly host?: string;
  readonly line?: number;
}

export interface LeftoversOutput {
  /** `user@host:port` */
  readonly host: string;
  /** The id of the open run on the host. */
  readonly atWork?: string;
  readonly leftovers: readonly LeftoverOutput[];
  /** Open sessions of steps that are over. */
  readonly sessions: readonly string[];
  /** With --end: the sessions that were closed. */
  readonly closed?: readonly string[];
}

/** What a run left running. */
export interface LeftoverOutput extends Pick<Leftover, 'state' | 'sinceMs' | 'processes'> {
  /** The id of the launch. */
  readonly launch: string;
  readonly step: string;
  readonly kind: 'step' | 'finalizer';
  readonly attempt: number;
  readonly session?: string;
  /** The id of the run that started it, if that is known. */
  readonly run?: string;
  /** With --end: how many of its processes could not be ended. */
  readonly left?: number;
}
