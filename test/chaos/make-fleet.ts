import type { DrawnFleet } from '../../chaos/fleet/draw-fleet.ts';
import type { FleetEvent } from '../../chaos/fleet/fleet-events.ts';
import type { FleetEvidence, NodeRun } from '../../chaos/fleet/judge-fleet.ts';
import type { FleetHostStatus, FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import type { HostReport } from '../../src/domain/fleet/host-report.ts';
import { drawnStep, lines } from './make-evidence.ts';

/** Three hosts: `n0` is the first wave, which an operator promotes, and runs `m`, which runs once and which `b` needs. */
export const drawnFleet: DrawnFleet = {
  name: 'fleet',
  steps: [{ ...drawnStep('m'), once: true }, drawnStep('b', { needs: ['m'] })],
  onStepFailure: 'park',
  keepSessions: 'failed',
  nodes: ['n0', 'n1', 'n2'].map((name, host) => ({ name, host, zone: 'east', fails: {} })),
  rollout: { waves: [1, '100%'], pause: {}, concurrency: 2, maxFailures: 0 },
  actions: [],
  isCalm: false,
};

export const workflowIdOf = (node: string) => `provision:${node}`;
export const firstRunIdOf = (node: string) => `run of ${node}`;

/** An event of a history. Without a time it happens a millisecond after the one before it. */
export type UntimedEvent = Partial<Pick<FleetEvent, 'atMs'>> & Omit<FleetEvent, 'atMs'>;

export const task = (atMs?: number): UntimedEvent => ({ kind: 'task', ...(atMs !== undefined && { atMs }) });
export const start = (node: string, ...steps: string[]): UntimedEvent =>
  ({ kind: 'start', workflowId: workflowIdOf(node), steps, digest: steps.join() }) as UntimedEvent;
export const started = (node: string): UntimedEvent =>
  ({ kind: 'started', workflowId: workflowIdOf(node), firstRunId: firstRunIdOf(node) }) as UntimedEvent;
export const report = (node: string, kind: HostReport['kind'], isFailed = false): UntimedEvent =>
  ({
    kind: 'report',
    report: {
      workflowId: workflowIdOf(node),
      firstRunId: firstRunIdOf(node),
      kind,
      ...(isFailed && { failure: { code: 'step-failed', message: 'exit 3' } }),
    },
  }) as UntimedEvent;
export const action = (name: string, input: object = {}): UntimedEvent =>
  ({ kind: 'action', name, input, isSignal: false }) as UntimedEvent;

export const timed = (events: readonly UntimedEvent[]): FleetEvent[] =>
  events.map((event, i) => ({ atMs: i, ...event }) as FleetEvent);

/** The first wave is over, and the next one promoted. */
export const promoted = [
  task(),
  start('n0', 'm', 'b'),
  started('n0'),
  report('n0', 'once'),
  report('n0', 'over'),
  task(),
  action('promote'),
];
const whole = [
  ...promoted,
  start('n1', 'b'),
  start('n2', 'b'),
  started('n1'),
  started('n2'),
  report('n1', 'over'),
  report('n2', 'over'),
  task(),
];

export function hostOf(name: string, changes: Partial<FleetHostStatus> = {}): FleetHostStatus {
  return {
    name,
    workflowId: workflowIdOf(name),
    state: 'done',
    wave: name === 'n0' ? 1 : 2,
    runs: 1,
    ...changes,
  };
}

export function statusOfFleet(changes: Partial<FleetStatus> = {}): FleetStatus {
  return {
    name: 'fleet',
    plan: 'fleet',
    phase: 'provisioned',
    hosts: 3,
    counts: { pending: 0, running: 0, parked: 0, failed: 0, done: 3 },
    skipped: 0,
    recounted: 3,
    wave: 2,
    waveCount: 2,
    waves: [],
    concurrency: 2,
    failures: { count: 0, allowed: 0 },
    paused: false,
    startedAtMs: 0,
    worst: [],
    auditTrail: [],
    ...changes,
  };
}

export function runOf(node: string, changes: Partial<NodeRun> = {}): NodeRun {
  const isFirst = node === 'n0';
  return {
    node,
    begunMs: isFirst ? 0 : 100,
    fleetRunId: 'first',
    withOnce: isFirst,
    outcome: 'provisioned',
    auditTrail: [],
    ledger: isFirst ? [...lines('m', 10, 20), ...lines('b', 30, 40)] : lines('b', 110, 120),
    ...changes,
  };
}

/** A fleet without fault. */
export function goodFleet(changes: Partial<FleetEvidence> = {}): FleetEvidence {
  const status = statusOfFleet();
  const { counts } = status;
  return {
    drawn: drawnFleet,
    samples: [{ atMs: 5, status }],
    executions: [{ runId: 'first', firstRunId: 'first', events: timed(whole) }],
    end: {
      outcome: 'provisioned',
      result: {
        outcome: 'provisioned',
        name: 'fleet',
        hosts: 3,
        counts,
        skipped: 0,
        failures: [],
        auditTrail: [],
      },
    },
    status,
    hosts: ['n0', 'n1', 'n2'].map((name) => hostOf(name)),
    runs: ['n0', 'n1', 'n2'].map((name) => runOf(name)),
    faults: [],
    ...changes,
  };
}
