import { setTimeout as delay } from 'node:timers/promises';
import type { FleetEnd } from '../../src/client/fleet-types.ts';
import { fleetWorkflowId } from '../../src/domain/fleet/fleet-id.ts';
import type { FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import { defaultWorkflowId } from '../../src/domain/run/ids.ts';
import { sandboxReboot } from '../../test/support/sandbox-control.ts';
import { WORKFLOW_RESET } from '../controls.ts';
import { millisOf, type Injected } from '../evidence.ts';
import { operate } from '../operator.ts';
import { again, type JudgedRun, type Setting } from '../run.ts';
import { EVERY_RUN } from '../series/play-series.ts';
import { recoveryMs, strikeRun, type Striker, type Struck } from '../striker.ts';
import type { Woken } from '../wake.ts';
import { calmFleet, renderFleet, type DrawnFleet } from './draw-fleet.ts';
import { drawFleetFaults, drawNodeFaults } from './fleet-faults.ts';
import { readFleetEvents } from './fleet-events.ts';
import { operateFleet } from './fleet-operator.ts';
import { judgeFleet, type FleetEvidence, type FleetViolation } from './judge-fleet.ts';
import { isOpen, readExecutions, type Execution } from './read-fleet.ts';
import { readNode, type NodePlayed, type Rolled } from './read-runs.ts';

/** A judged fleet: its rollouts, and the runs of all its hosts. */
export interface JudgedFleet {
  readonly rollouts: readonly {
    readonly evidence: FleetEvidence;
    readonly violations: readonly FleetViolation[];
  }[];
  readonly runs: readonly JudgedRun[];
  /** The faults of its own workflow. */
  readonly faults: readonly Injected[];
}

/** Longer than any fleet of a few hosts takes under these faults. */
const STUCK_AFTER_MS = 600_000;
const POLL_EVERY_MS = 500;
/** The operator of a run lets a parked step wait for a while, so that its fleet counts the host as failed. */
const ATTENDED_EVERY_MS = 2_000;

/** Plays a fleet under faults, then the same plan once more without, and judges both with all their runs. */
export async function playFleet(setting: Setting, drawn: DrawnFleet): Promise<JudgedFleet> {
  const played = [await playRollout(setting, drawn, strikeFleet)];
  played.push(await playRollout(setting, calmFleet(drawn), async () => ({ hosts: [] })));
  const id = fleetWorkflowId(drawn.name);
  const executions = await readExecutions(setting, id, played[0]!.begunMs);
  const rolled = played.map(({ drawn, begunMs }, i): Rolled => {
    const nextMs = played[i + 1]?.begunMs ?? Infinity;
    return {
      drawn,
      begunMs,
      executions: executions.filter((each) => each.begunMs >= begunMs && each.begunMs < nextMs),
    };
  });
  const nodes: NodePlayed[] = [];
  for (const [i, host] of workflowIds(setting, drawn).entries())
    nodes.push(await readNode(setting, rolled, i, host));
  const counted = nodes.flatMap(({ judged }) => judged.flatMap(({ faults }) => faults));
  const faults = ownFaults(setting, drawn, executions, counted);
  const rollouts = rolled.map(({ begunMs, executions, drawn }, i) => {
    const { samples, end, status, hosts, overMs } = played[i]!;
    const evidence: FleetEvidence = {
      drawn,
      samples,
      end,
      status,
      hosts,
      executions: executions.map(({ runId, firstRunId, history }) => ({
        runId,
        firstRunId,
        events: readFleetEvents(history),
      })),
      runs: nodes
        .flatMap(({ runs }) => runs)
        .filter((run) => run.begunMs <= overMs)
        .sort((a, b) => a.begunMs - b.begunMs),
      faults: setting.struck.filter(({ healedMs }) => healedMs >= begunMs),
    };
    return { evidence, violations: judgeFleet(evidence) };
  });
  return { rollouts, runs: nodes.flatMap(({ judged }) => judged), faults };
}

interface Rollout extends Pick<FleetEvidence, 'drawn' | 'samples' | 'end' | 'status' | 'hosts'> {
  readonly begunMs: number;
  readonly overMs: number;
}

/** The strikers of a fleet: of its own workflow, and of its hosts. */
interface Strikers {
  readonly fleet?: Striker;
  readonly hosts: readonly Striker[];
}

/** Plays one rollout until the fleet and all its runs are over. */
async function playRollout(
  setting: Setting,
  drawn: DrawnFleet,
  strike: (setting: Setting, drawn: DrawnFleet, start: () => Promise<unknown>) => Promise<Strikers>,
): Promise<Rollout> {
  const { stage, signal } = setting;
  const { fleets } = stage.client;
  const targets = drawn.nodes.map(({ host }) => stage.hosts[host]!.target);
  const input = renderFleet(drawn, targets, stage.ledger.port);
  const start = () => fleets.start(input).catch(ignoreRunning);
  const begunMs = Date.now();
  const strikers = await strike(setting, drawn, start);
  await again(signal, start);
  const over = new AbortController();
  const samples: FleetEvidence['samples'][number][] = [];
  const operators = operateAll(setting, drawn, over.signal, (status) => {
    samples.push({ atMs: Date.now(), status });
  });
  let end = await inTime(setting, over.signal, untilOver(setting, drawn, strikers));
  const overMs = Date.now();
  const [status, { hosts }] = await again(signal, () =>
    Promise.all([fleets.status(drawn.name), fleets.hosts(drawn.name)]),
  );
  const closed = await inTime(setting, over.signal, untilClosed(setting, drawn, strikers));
  if (closed === STUCK || end === STUCK) {
    end = STUCK;
    await endAll(setting, drawn);
  }
  over.abort();
  await operators;
  return { drawn, begunMs, overMs, samples, end, status, hosts };
}

const STUCK = { outcome: 'stuck', why: `at work after ${STUCK_AFTER_MS / 1000} s` } as const;

/** What is awaited, or that it takes too long. */
async function inTime<T>(
  { signal }: Setting,
  over: AbortSignal,
  awaited: Promise<T>,
): Promise<T | typeof STUCK> {
  const late = delay(STUCK_AFTER_MS, STUCK, { signal: AbortSignal.any([signal, over]) });
  return Promise.race([awaited, late]);
}

const workflowIds = ({ stage }: Setting, { nodes }: DrawnFleet): string[] =>
  nodes.map(({ host }) => defaultWorkflowId(stage.hosts[host]!.target));

/** A start whose response was lost has still started the fleet. */
function ignoreRunning(error: unknown): void {
  if ((error as { code?: string }).code !== 'lease-held') throw error;
}

/** The operators of the fleet and of the runs of its hosts. */
async function operateAll(
  setting: Setting,
  drawn: DrawnFleet,
  over: AbortSignal,
  onStatus: (status: FleetStatus) => void,
): Promise<void> {
  const { stage, seed, woken } = setting;
  const onWoken = (how: Woken) => void woken.push(how);
  await Promise.all([
    operateFleet(stage.client, seed, drawn, over, onStatus, onWoken),
    ...workflowIds(setting, drawn).map((id, i) =>
      operate(stage.client, seed, id, drawn.nodes[i]?.action, over, onWoken, ATTENDED_EVERY_MS),
    ),
  ]);
}

async function strikeFleet(
  { stage, seed, struck, locks, windows }: Setting,
  { name, nodes }: DrawnFleet,
  start: () => Promise<unknown>,
): Promise<Strikers> {
  const onFault = (fault: Struck) => void struck.push(fault);
  const aimed = windows.filter(({ program }) => EVERY_RUN.has(program));
  const hosts = await Promise.all(
    nodes.map(({ host: number, name: node, action }) => {
      const host = stage.hosts[number]!;
      // A reset would revive a terminated run that others follow.
      const faults = drawNodeFaults(seed, `${name} ${node}`).filter(
        ({ kind }) => action?.action !== 'terminate' || kind.name !== WORKFLOW_RESET,
      );
      return strikeRun(stage, host, defaultWorkflowId(host.target), faults, aimed, locks, onFault);
    }),
  );
  const host = stage.hosts[nodes[0]!.host]!;
  const faults = drawFleetFaults(seed, name, start);
  return { fleet: await strikeRun(stage, host, fleetWorkflowId(name), faults, [], locks, onFault), hosts };
}

/** Waits for the end of a fleet; one that a fault has terminated or reset starts again. */
async function untilOver(setting: Setting, { name }: DrawnFleet, strikers: Strikers): Promise<FleetEnd> {
  const { stage, signal } = setting;
  for (;;) {
    const end = await again(signal, () => stage.client.fleets.result(name));
    await strikers.fleet?.settle();
    if (!(await isOpen(setting, fleetWorkflowId(name)))) return end;
  }
}

/** Waits until no run of a host is open and no fault lasts. */
async function untilClosed(setting: Setting, drawn: DrawnFleet, strikers: Strikers): Promise<void> {
  const areOpen = async () => {
    for (const id of workflowIds(setting, drawn)) if (await isOpen(setting, id)) return true;
    return false;
  };
  for (;;) {
    while (await areOpen()) await delay(POLL_EVERY_MS, undefined, { signal: setting.signal });
    for (const striker of strikers.hosts) await striker.settle();
    // The last fault may have been a reset.
    if (!(await areOpen())) return;
  }
}

/** Ends a fleet that hangs, and its runs, and frees its hosts. */
async function endAll(setting: Setting, drawn: DrawnFleet): Promise<void> {
  const { stage } = setting;
  for (const id of [fleetWorkflowId(drawn.name), ...workflowIds(setting, drawn)])
    if (await isOpen(setting, id)) await stage.client.temporal.workflow.getHandle(id).terminate('stuck');
  for (const { host } of drawn.nodes) await sandboxReboot(stage.hosts[host]!.sandbox);
}

/** The faults of the workflow itself, with the time until it went on, and those that hosts met before they had a run. */
function ownFaults(
  setting: Setting,
  drawn: DrawnFleet,
  executions: readonly Execution[],
  counted: readonly Injected[],
): Injected[] {
  const id = fleetWorkflowId(drawn.name);
  const ids = new Set([id, ...workflowIds(setting, drawn)]);
  const [{ begunMs }] = executions as [Execution, ...Execution[]];
  const isCounted = ({ kind, atMs, host }: Struck) =>
    counted.some((fault) => fault.kind === kind && fault.atMs === atMs && fault.host === host);
  const times = executions.flatMap(({ history }) => history.map(({ eventTime }) => millisOf(eventTime)));
  const eventsMs = times.sort((a, b) => a - b);
  return setting.struck
    .filter((fault) => ids.has(fault.run) && fault.healedMs >= begunMs && !isCounted(fault))
    .map((fault): Injected => {
      const { on: _on, held: _held, heardMs: _heardMs, ...injected } = fault;
      const recovered = fault.run === id ? recoveryMs(fault, { eventsMs, attempts: [] }) : undefined;
      return { ...injected, ...(recovered !== undefined && { recoveryMs: recovered }) };
    });
}
