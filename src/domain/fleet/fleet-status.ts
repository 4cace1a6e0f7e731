import type { AuditEntry } from '../run/audit-trail.ts';
import type { HostState } from './host-tally.ts';
import type { HostFailure } from './host-report.ts';
import type { Gate } from './rollout-state.ts';

/** The phase of a fleet. The last four are ends. */
export type FleetPhase =
  | 'validating'
  | 'rolling-out'
  /** What runs finishes or is ended; nothing starts any more. */
  | 'aborting'
  /** Every host is done. */
  | 'provisioned'
  /** Nothing is left to do, and some hosts failed; not more than were allowed to. */
  | 'incomplete'
  | 'failed'
  | 'aborted';

/** How many hosts are in each state. The sum is always the number of hosts. */
export interface HostCounts {
  readonly pending: number;
  readonly running: number;
  /** Their runs need attention. */
  readonly parked: number;
  readonly failed: number;
  /** Those that an operator skipped are among them. */
  readonly done: number;
}

/** Why a fleet needs an operator. */
export interface FleetAttention {
  /**
   * `exceeded`: more hosts failed than the fleet allows. `promote`: the next wave waits for the action. `check-failed`: the check between two
   * waves did not succeed in time. `once`: the host with the steps that run once failed. `parked`: runs of hosts need attention.
   */
  readonly reason: 'exceeded' | 'promote' | 'check-failed' | 'once' | 'parked';
  /** One sentence. */
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly advice: string;
}

/** A wave of a fleet. */
export interface WaveStatus {
  /** Counted from 1. */
  readonly wave: number;
  readonly hosts: number;
  readonly counts: HostCounts;
}

/** A host of a fleet. Times are milliseconds since the epoch. */
export interface FleetHostStatus {
  readonly name: string;
  /** The id of its run. */
  readonly workflowId: string;
  readonly state: HostState;
  /** Counted from 1. */
  readonly wave: number;
  /** How many runs of it the fleet has started. */
  readonly runs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly failure?: HostFailure;
}

/** The answer of the query `fleetStatus`. Times are milliseconds since the epoch. */
export interface FleetStatus {
  readonly name: string;
  /** The name of the plan. */
  readonly plan: string;
  readonly phase: FleetPhase;
  readonly hosts: number;
  readonly counts: HostCounts;
  /** How many of the done hosts an operator skipped. */
  readonly skipped: number;
  /** How many hosts were found when every one was counted anew: always `hosts`. */
  readonly recounted: number;
  /** The latest wave that has begun, counted from 1. */
  readonly wave: number;
  readonly waveCount: number;
  /** At most 20 waves: the latest ones that have begun, and those that come next. */
  readonly waves: readonly WaveStatus[];
  /** What the next wave waits for. */
  readonly gate?: Gate;
  readonly concurrency: number;
  /** How many hosts count as failed, and how many may. */
  readonly failures: { readonly count: number; readonly allowed: number };
  /** How many hosts of a wave may fail: a number or a share. Missing: no limit besides that of the fleet. */
  readonly maxWaveFailures?: number | string;
  readonly paused: boolean;
  readonly attention?: FleetAttention;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  /** The hosts to inspect first, at most 10: failed ones, those that need attention, and those that have run for the longest time. */
  readonly worst: readonly FleetHostStatus[];
  /** Why the fleet failed. */
  readonly failure?: HostFailure;
  /** The latest 100 actions that were accepted, and the latest 20 that were refused. */
  readonly auditTrail: readonly AuditEntry[];
  readonly refusedActions?: number;
}

/** What to list. */
export interface FleetHostsQuery {
  /** Default: hosts in every state. */
  readonly states?: readonly HostState[];
  /** Where to begin among the hosts that match. Default 0. */
  readonly offset?: number;
  /** Default 100, at most 1000. */
  readonly limit?: number;
}

/** The answer of the query `fleetHosts`. */
export interface FleetHostsPage {
  /** How many hosts match. */
  readonly total: number;
  /** In the order of the rollout. */
  readonly hosts: readonly FleetHostStatus[];
}

/** The result of a fleet that was not aborted. */
export interface FleetResult {
  readonly outcome: 'provisioned' | 'incomplete';
  readonly name: string;
  readonly hosts: number;
  readonly counts: HostCounts;
  readonly skipped: number;
  readonly failures: readonly FleetHostStatus[];
  readonly auditTrail: readonly AuditEntry[];
}
