import type { FleetEnd } from '../../src/client/fleet-types.ts';
import type { FleetHostStatus, FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import type { RunResult } from '../../src/client.ts';
import { acceptedActions, type AuditEntry } from '../../src/domain/run/audit-trail.ts';
import { WORKFLOW_RESET } from '../controls.ts';
import type { Injected } from '../evidence.ts';
import type { LedgerLine } from '../ledger.ts';
import type { DrawnFleet } from './draw-fleet.ts';
import type { FleetEvent } from './fleet-events.ts';
import { judgeStarts, type StartInvariant } from './judge-starts.ts';

/** An execution of the workflow of a fleet: the first, or one that followed a reset, a termination or a long history. */
export interface FleetExecution {
  readonly runId: string;
  /** The same for all executions up to a termination. */
  readonly firstRunId: string;
  readonly events: readonly FleetEvent[];
}

/** A run of a host, as the judge of its fleet reads it. */
export interface NodeRun {
  readonly node: string;
  readonly begunMs: number;
  /** `firstRunId` of the fleet that started it. */
  readonly fleetRunId: string;
  readonly withOnce: boolean;
  readonly outcome: RunResult['outcome'];
  readonly auditTrail: readonly AuditEntry[];
  readonly ledger: readonly LedgerLine[];
}

/** Everything known about a fleet after its end. */
export interface FleetEvidence {
  readonly drawn: DrawnFleet;
  /** What it reported while it was at work, at least once a second while server and workers could answer. */
  readonly samples: readonly { readonly atMs: number; readonly status: FleetStatus }[];
  /** From the first to the last. */
  readonly executions: readonly FleetExecution[];
  readonly end: FleetEnd | { readonly outcome: 'stuck'; readonly why: string };
  readonly status: FleetStatus;
  readonly hosts: readonly FleetHostStatus[];
  /** The runs that it started, and those of the same fleet before, by the time of their begin. */
  readonly runs: readonly NodeRun[];
  readonly faults: readonly Injected[];
}

type Check = (evidence: FleetEvidence) => string[];

/** What must hold for every fleet at its end. Each check returns its violations. */
export const fleetInvariants = {
  'every host is in one state at every moment': ({ drawn, samples }) =>
    samples.flatMap(({ atMs, status: { hosts, counts, recounted } }) => {
      const sum = Object.values(counts).reduce((total, count) => total + count, 0);
      const isRight = sum === hosts && recounted === hosts && hosts === drawn.nodes.length;
      return isRight ? [] : [`at ${atMs}: ${JSON.stringify({ hosts, counts, recounted })}`];
    }),

  'a fleet reaches an end that something explains': (evidence) => {
    const { end, executions, drawn } = evidence;
    if (end.outcome === 'stuck') return [end.why];
    if (end.outcome === 'failed') return [`failed: ${JSON.stringify(end.failure)}`];
    if (end.outcome === 'aborted') {
      const wasAsked = executions
        .at(-1)
        ?.events.some(({ kind, ...rest }) => kind === 'cancel' || ('name' in rest && rest.name === 'abort'));
      return wasAsked ? [] : [`aborted without a request: ${end.failure.message}`];
    }
    return drawn.isCalm && end.outcome !== 'provisioned'
      ? [`${end.outcome} although nothing disturbed it`]
      : [];
  },

  'the result is the sum of the hosts': ({ drawn, end, hosts, status }) => {
    const names = new Set(hosts.map(({ name }) => name));
    const isWhole = names.size === hosts.length && drawn.nodes.every(({ name }) => names.has(name));
    const count = (...states: FleetHostStatus['state'][]) =>
      hosts.filter(({ state }) => states.includes(state)).length;
    const counts = {
      pending: count('pending'),
      running: count('running'),
      parked: count('parked', 'overdue'),
      failed: count('failed'),
      done: count('done', 'skipped'),
    };
    const claimed = 'result' in end ? [status.counts, end.result.counts] : [status.counts];
    const { allowed } = status.failures;
    return [
      ...(isWhole ? [] : [`the hosts are ${[...names].join(', ')}`]),
      ...claimed.flatMap((each) =>
        Object.entries(counts).some(([state, n]) => each[state as keyof typeof counts] !== n)
          ? [`it counts ${JSON.stringify(each)}, its hosts are ${JSON.stringify(counts)}`]
          : [],
      ),
      ...(end.outcome === 'provisioned' && counts.done < hosts.length
        ? ['provisioned without every host']
        : []),
      ...(end.outcome === 'incomplete' && (counts.failed === 0 || counts.failed > allowed)
        ? [`incomplete with ${counts.failed} failed hosts, of ${allowed} that may fail`]
        : []),
    ];
  },

  'the state of a host agrees with its latest run': (evidence) =>
    evidence.end.outcome === 'stuck'
      ? []
      : evidence.hosts.flatMap((host) => {
          const why = disagreement(evidence, host);
          return why === undefined ? [] : [`${host.name} is ${host.state}, but ${why}`];
        }),

  'steps that run once run on one host, before what follows on the others': (evidence) => {
    const step = evidence.drawn.steps.find(({ once }) => once)?.name;
    if (step === undefined) return [];
    const lives = [...new Set(evidence.executions.map(({ firstRunId }) => firstRunId))];
    return lives.flatMap((life) => [
      ...severalOnce(evidence, life, step),
      ...beforeOnce(evidence, life, step),
    ]);
  },
} as const satisfies Record<string, Check>;

export type FleetInvariant = keyof typeof fleetInvariants | StartInvariant;

export interface FleetViolation {
  readonly invariant: FleetInvariant;
  readonly what: string;
}

/** All violations of a fleet. Its runs are judged like the runs of a series. */
export function judgeFleet(evidence: FleetEvidence): FleetViolation[] {
  const { drawn, hosts, executions, samples, status } = evidence;
  const auditTrail = [...samples.map((sample) => sample.status), status].flatMap((each) => each.auditTrail);
  return [
    ...Object.entries(fleetInvariants).flatMap(([invariant, check]) =>
      check(evidence).map((what) => ({ invariant: invariant as FleetInvariant, what })),
    ),
    ...executions.flatMap(({ events }) => judgeStarts(drawn, hosts, events, auditTrail)),
  ];
}

const isGood = ({ outcome }: NodeRun) => outcome === 'provisioned' || outcome === 'already-provisioned';

/** Why the state of a host is not what its latest run says; undefined if it is. */
function disagreement(evidence: FleetEvidence, host: FleetHostStatus): string | undefined {
  const { end, executions, runs, faults } = evidence;
  const { name, state, failure, workflowId } = host;
  const run = runs.findLast(({ node }) => node === name);
  const actions =
    executions.at(-1)?.events.flatMap((event) => (event.kind === 'action' ? [event] : [])) ?? [];
  // Its run went on in another execution after it had reported its end.
  const wasReset = faults.some(({ kind, run: struck }) => kind === WORKFLOW_RESET && struck === workflowId);
  switch (state) {
    case 'done':
      if (!run) return 'it never had a run';
      return isGood(run) || wasReset ? undefined : `its run ended as ${run.outcome}`;
    case 'failed':
      if (failure?.code === 'internal-error') return `for no known cause: ${failure.message}`;
      if (failure === undefined) return 'without a failure';
      return run && isGood(run) && !wasReset && failure.code !== 'lease-held'
        ? 'its run succeeded'
        : undefined;
    case 'skipped':
      return actions.some(
        ({ name: action, input }) =>
          action === 'skipHosts' && (input['hosts'] as readonly string[]).includes(name),
      )
        ? undefined
        : 'no operator skipped it';
    case 'pending':
      return end.outcome === 'aborted' ? undefined : 'the fleet has ended';
    case 'overdue':
      return end.outcome === 'aborted' && run ? undefined : 'the fleet has ended';
    case 'running':
    case 'parked':
      return 'the fleet has ended';
    default:
      return state satisfies never;
  }
}

/** Hosts beside the first that ran a step which runs once, though no operator had skipped the host before. */
function severalOnce({ runs, executions }: FleetEvidence, life: string, step: string): string[] {
  const begun = runs
    .filter(({ fleetRunId }) => fleetRunId === life)
    .flatMap(({ node, ledger }) =>
      ledger.flatMap((line) =>
        line.step === step && line.event === 'start' ? [{ node, atMs: line.atMs }] : [],
      ),
    )
    .sort((a, b) => a.atMs - b.atMs);
  const skips = executions
    .filter(({ firstRunId }) => firstRunId === life)
    .flatMap(({ events }) =>
      events.flatMap((event) =>
        event.kind === 'action' && event.name === 'skipHosts'
          ? [{ nodes: event.input['hosts'] as readonly string[], atMs: event.atMs }]
          : [],
      ),
    );
  return begun.flatMap(({ node, atMs }, i) => {
    const earlier = begun.slice(0, i).map((each) => each.node);
    const others = [...new Set(earlier)].filter(
      (each) =>
        each !== node &&
        !skips.some(({ nodes, atMs: skippedMs }) => nodes.includes(each) && skippedMs <= atMs),
    );
    return others.length > 0 ? [`${step} began on ${node} after ${others.join(', ')}`] : [];
  });
}

/** Parts that began on the other hosts before a step that runs once was done: by the ledger, or because an operator skipped it. */
function beforeOnce({ runs }: FleetEvidence, life: string, step: string): string[] {
  const isDone = ({ step: name, kind, event, code }: LedgerLine) =>
    name === step && kind === 'step' && event === 'end' && code === 0;
  const times = runs.flatMap(({ ledger, auditTrail }) => [
    ...ledger.filter(isDone).map(({ atMs }) => atMs),
    ...acceptedActions({ auditTrail: [...auditTrail] })
      .filter((action) => action.action === 'skipStep' && action.step === step)
      .map(({ atMs }) => atMs),
  ]);
  const doneMs = Math.min(...times);
  return runs
    .filter(({ fleetRunId, withOnce }) => fleetRunId === life && !withOnce)
    .flatMap(({ node, ledger }) =>
      ledger
        .filter(({ event, atMs }) => event === 'start' && atMs < doneMs)
        .map((line) => `${line.kind} ${line.step} began on ${node} before ${step} was done`),
    );
}
