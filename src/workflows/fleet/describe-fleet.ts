import { resolvePlan } from '../../domain/plan/resolve-plan.ts';
import { planForHost } from '../../domain/fleet/fleet-hosts.ts';
import type {
  FleetHostsPage,
  FleetHostsQuery,
  FleetHostStatus,
  FleetPhase,
  FleetResult,
  FleetStatus,
  HostCounts,
  WaveStatus,
} from '../../domain/fleet/fleet-status.ts';
import { describeAttention } from '../../domain/fleet/fleet-attention.ts';
import { failuresIn, hostStates, type HostState, type StateCounts } from '../../domain/fleet/host-tally.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import type { Fleet } from './fleet.ts';

const MAX_WORST = 10;
const MAX_WAVES = 20;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** The states of hosts that an operator should know of, the worst first. */
const WORST_FIRST: readonly HostState[] = ['failed', 'overdue', 'parked', 'running'];

/** The status of a fleet, for clients. */
export function describeFleet(fleet: Fleet): FleetStatus {
  const { rollout, input, hosts, waves, startedAtMs, endedAtMs, audited } = fleet;
  const { counts, limits, gate, isPaused: paused } = rollout;
  const recounted = rollout.tally.recount();
  const { auditTrail, refusedActions } = audited;
  return definedOnly({
    name: input.name,
    plan: planName(fleet),
    phase: phaseOf(fleet),
    hosts: hosts.length,
    counts: toCounts(counts),
    skipped: counts.skipped,
    recounted: hostStates.reduce((sum, state) => sum + recounted[state], 0),
    wave: rollout.wave + 1,
    waveCount: waves.length,
    waves: describeWaves(fleet),
    gate: rollout.isWaveOver ? gate : undefined,
    concurrency: limits.concurrency,
    failures: { count: failuresIn(counts), allowed: rollout.allowedFailures },
    maxWaveFailures: limits.maxWaveFailures,
    paused,
    attention: endedAtMs === undefined ? describeAttention(rollout, input.name) : undefined,
    startedAtMs,
    endedAtMs,
    worst: findWorst(fleet),
    auditTrail,
    refusedActions,
  });
}

function planName({ input, hosts }: Fleet): string {
  const [first] = hosts;
  return first ? resolvePlan(planForHost(input, first)).name : '';
}

export function phaseOf({ rollout, endedAtMs }: Fleet): FleetPhase {
  if (endedAtMs === undefined) return rollout.aborting ? 'aborting' : 'rolling-out';
  if (rollout.aborting) return 'aborted';
  return rollout.counts.failed > 0 ? 'incomplete' : 'provisioned';
}

export function toCounts({
  pending,
  running,
  parked,
  overdue,
  failed,
  done,
  skipped,
}: StateCounts): HostCounts {
  return { pending, running, parked: parked + overdue, failed, done: done + skipped };
}

/** The latest waves that have begun, and those that come next. */
function describeWaves({ waves, rollout }: Fleet): WaveStatus[] {
  const first = Math.max(0, Math.min(rollout.wave - MAX_WAVES / 2, waves.length - MAX_WAVES));
  return waves.slice(first, first + MAX_WAVES).map((hosts, i) => ({
    wave: first + i + 1,
    hosts: hosts.length,
    counts: toCounts(rollout.tally.countsOf(first + i)),
  }));
}

/** Failed hosts, then those that need attention, then running ones, the longest first. */
function findWorst(fleet: Fleet): FleetHostStatus[] {
  const { runs, rollout } = fleet;
  const found: FleetHostStatus[] = [];
  for (const state of WORST_FIRST) {
    for (const host of runs.keys()) {
      if (found.length === MAX_WORST) return found;
      if (rollout.tally.stateOf(host) === state) found.push(describeHost(fleet, host));
    }
  }
  return found;
}

/** One page of the hosts, in the order of the rollout. */
export function describeHosts(fleet: Fleet, query: FleetHostsQuery = {}): FleetHostsPage {
  const { states, offset = 0, limit = DEFAULT_LIMIT } = query;
  const wanted = states && new Set(states);
  const matching = fleet.waves
    .flat()
    .filter((host) => wanted === undefined || wanted.has(fleet.rollout.tally.stateOf(host)));
  const page = matching.slice(offset, offset + Math.min(limit, MAX_LIMIT));
  return { total: matching.length, hosts: page.map((host) => describeHost(fleet, host)) };
}

function describeHost({ hosts, workflowIds, rollout, runs }: Fleet, host: number): FleetHostStatus {
  const { runs: count = 0, startedAtMs, endedAtMs, failure } = runs.get(host) ?? {};
  return definedOnly({
    name: hosts[host]?.name ?? '',
    workflowId: workflowIds[host] ?? '',
    state: rollout.tally.stateOf(host),
    wave: rollout.tally.waveOf(host) + 1,
    runs: count,
    startedAtMs,
    endedAtMs,
    failure,
  });
}

const MAX_FAILURES = 100;

export function resultOfFleet(fleet: Fleet): FleetResult {
  const { counts } = fleet.rollout;
  return {
    outcome: counts.failed > 0 ? 'incomplete' : 'provisioned',
    name: fleet.input.name,
    hosts: fleet.hosts.length,
    counts: toCounts(counts),
    skipped: counts.skipped,
    failures: describeHosts(fleet, { states: ['failed', 'parked', 'overdue'], limit: MAX_FAILURES }).hosts,
    auditTrail: fleet.audited.auditTrail,
  };
}
