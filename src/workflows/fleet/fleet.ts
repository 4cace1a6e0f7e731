import { workflowInfo } from '@temporalio/workflow';
import type { Admission } from '../../activities/activity-types.ts';
import { listHosts, hasOnceSteps } from '../../domain/fleet/fleet-hosts.ts';
import type { HostFailure } from '../../domain/fleet/host-report.ts';
import { Rollout } from '../../domain/fleet/rollout.ts';
import type { RolloutPlan, RolloutSnapshot } from '../../domain/fleet/rollout-state.ts';
import type { FleetHost, FleetInput } from '../../domain/fleet/schema.ts';
import { orderHosts, splitWaves, type Wave } from '../../domain/fleet/waves.ts';
import type { Target } from '../../domain/plan/schema.ts';
import { recordOf } from '../../domain/is-record.ts';
import type { AuditEntry } from '../../domain/run/audit-trail.ts';
import { defaultWorkflowId } from '../../domain/run/ids.ts';
import type { NotifySettings } from '../../domain/run/notification.ts';
import type { SearchAttribute } from '../../domain/run/search-attributes.ts';
import { durationMs } from '../../domain/text/duration.ts';

/** What a fleet knows about the latest run of a host. Times are milliseconds since the epoch. */
export interface HostRun {
  /** How many runs of the host the fleet has started. */
  readonly runs: number;
  readonly startedAtMs: number;
  endedAtMs?: number;
  /** The run id of its first execution; missing until the server has accepted it. */
  firstRunId?: string;
  /** That of the host's former run, whose late reports are dropped. In memory only. */
  readonly formerRunId?: string | undefined;
  /** Why it failed or needs attention. */
  failure?: HostFailure;
}

/** Everything that a fleet knows. */
export interface Fleet {
  readonly input: FleetInput;
  readonly hosts: readonly FleetHost[];
  readonly waves: readonly Wave[];
  /** The ids of the runs, by host. */
  readonly workflowIds: readonly string[];
  readonly hostsById: ReadonlyMap<string, number>;
  readonly rollout: Rollout;
  /** The latest run of each host that has started. */
  readonly runs: Map<number, HostRun>;
  /** Hosts with an open run that an earlier execution of the fleet started. In memory only. */
  readonly inherited: Set<number>;
  /** Decides a shuffle. */
  readonly seed: number;
  readonly startedAtMs: number;
  endedAtMs?: number;
  /** Why it was aborted. */
  abortReason?: string;
  readonly audited: { readonly auditTrail: AuditEntry[]; refusedActions?: number };
  /** The accepted actions, by their request ids. */
  readonly requests: Map<string, string>;
  readonly searchAttributes: readonly SearchAttribute[];
  /** Missing without notifications. */
  readonly notify: NotifySettings | undefined;
  /** Events that were notified already. */
  readonly notified: Set<string>;
}

/** A run of a host: host, runs, start and end in seconds since the fleet started, first run id while it is open, failure. */
type RunRow = readonly [number, number, number, number, (string | 0)?, HostFailure?];

/** The state of a fleet that continues as new. Its input is another argument of the workflow. */
export interface FleetSnapshot {
  readonly rollout: RolloutSnapshot;
  readonly runs: readonly RunRow[];
  readonly seed: number;
  readonly startedAtMs: number;
  readonly abortReason?: string;
  readonly audited: Fleet['audited'];
  readonly requests: readonly (readonly [string, string])[];
  readonly searchAttributes: readonly SearchAttribute[];
  readonly notify?: NotifySettings;
  readonly notified: readonly string[];
}

const DEFAULT_CONCURRENCY = 20;
const DEFAULT_SLOW_START_MS = 2_000;
/** Failures that a fleet remembers with their messages; of more it remembers the codes. */
const MAX_MESSAGES = 500;

export function beginFleet(input: FleetInput, admission: Admission): Fleet {
  const { concurrency = DEFAULT_CONCURRENCY, maxFailures = 0, maxWaveFailures } = input;
  const limits = { concurrency, maxFailures, ...(maxWaveFailures !== undefined && { maxWaveFailures }) };
  return makeFleet(input, limits, {
    seed: input.seed ?? Math.floor(Math.random() * 0x1_0000_0000),
    startedAtMs: workflowInfo().startTime.getTime(),
    audited: { auditTrail: [] },
    requests: new Map(),
    runs: new Map(),
    searchAttributes: admission.searchAttributes,
    notify: admission.notify,
    notified: new Set(),
  });
}

type Known = Omit<Fleet, 'input' | 'hosts' | 'waves' | 'workflowIds' | 'hostsById' | 'rollout' | 'inherited'>;

function makeFleet(input: FleetInput, begun: ConstructorParameters<typeof Rollout>[1], known: Known): Fleet {
  const hosts = listHosts(input);
  const waves = splitWaves(hosts, orderHosts(hosts, input.order, known.seed), input.waves);
  const workflowIds = hosts.map((host) => workflowIdOf(input, host));
  const rollout = new Rollout(planRollout(input, waves), begun);
  return {
    input,
    hosts,
    waves,
    workflowIds,
    hostsById: new Map(workflowIds.map((id, index) => [id, index])),
    rollout,
    inherited: new Set([...known.runs.keys()].filter((host) => hasOpenRun(rollout, host))),
    ...known,
  };
}

function workflowIdOf({ plan }: FleetInput, { name, target }: FleetHost): string {
  const shared = recordOf(plan['target']) as Partial<Target>;
  const { host = name, port = shared.port } = target ?? {};
  return defaultWorkflowId({ host, ...(port !== undefined && { port }) });
}

function planRollout(input: FleetInput, waves: readonly Wave[]): RolloutPlan {
  return {
    waves,
    pause: planPause(input.pause),
    slowStartMs: durationMs(input.slowStart, DEFAULT_SLOW_START_MS),
    parkGraceMs: durationMs(input.parkGrace, 0),
    hasOnce: hasOnceSteps(input.plan),
  };
}

function planPause(pause: FleetInput['pause']): RolloutPlan['pause'] {
  if (pause === undefined) return { kind: 'none' };
  if (typeof pause === 'object') return { kind: pause.check === undefined ? 'promote' : 'check' };
  return { kind: 'time', ms: durationMs(pause, 0) };
}

export function takeFleetSnapshot(fleet: Fleet): FleetSnapshot {
  const { rollout, seed, startedAtMs, abortReason, audited, requests, searchAttributes, notify, notified } =
    fleet;
  return {
    rollout: rollout.snapshot(),
    runs: toRows(fleet),
    seed,
    startedAtMs,
    ...(abortReason !== undefined && { abortReason }),
    audited,
    requests: [...requests],
    searchAttributes,
    ...(notify && { notify }),
    notified: [...notified],
  };
}

function toRows({ runs, startedAtMs: originMs, rollout }: Fleet): RunRow[] {
  let messages = 0;
  return [...runs].map(([host, { runs, startedAtMs, endedAtMs, firstRunId, failure }]): RunRow => {
    // 0 stands for a run that is not over.
    const endS = endedAtMs === undefined ? 0 : Math.max(1, seconds(endedAtMs - originMs));
    const isLive = hasOpenRun(rollout, host);
    if (failure) messages += 1;
    const kept = failure && messages > MAX_MESSAGES ? { code: failure.code, message: '' } : failure;
    const row = [host, runs, seconds(startedAtMs - originMs), endS] as const;
    const id = (isLive && firstRunId) || 0;
    return kept ? [...row, id, kept] : id === 0 ? row : [...row, id];
  });
}

export function restoreFleet(input: FleetInput, snapshot: FleetSnapshot): Fleet {
  const { rollout, runs, requests, notified, notify, ...known } = snapshot;
  const originMs = snapshot.startedAtMs;
  return makeFleet(input, rollout, {
    ...known,
    notify,
    requests: new Map(requests),
    notified: new Set(notified),
    runs: new Map(
      runs.map(([host, runs, startS, endS, firstRunId, failure]) => [
        host,
        {
          runs,
          startedAtMs: originMs + startS * 1000,
          ...(endS !== 0 && { endedAtMs: originMs + endS * 1000 }),
          ...(firstRunId && { firstRunId }),
          ...(failure && { failure }),
        },
      ]),
    ),
  });
}

/** Whether the run of a host is open, as far as its fleet knows. */
export function hasOpenRun(rollout: Rollout, host: number): boolean {
  const state = rollout.tally.stateOf(host);
  return state === 'running' || state === 'parked' || state === 'overdue';
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
