import type { RunResult } from '../../src/client.ts';
import { fleetWorkflowId } from '../../src/domain/fleet/fleet-id.ts';
import { WORKFLOW_RESET } from '../controls.ts';
import { launchesOf, readHistory, readHost, type Attempt, type Injected } from '../evidence.ts';
import { groupBy } from '../group.ts';
import { sentinelPath } from '../plans.ts';
import { again, unknownStatus, type JudgedRun, type Setting } from '../run.ts';
import { judgeSeries } from '../series/judge-series.ts';
import type { PlayedRun } from '../series/series-evidence.ts';
import { recoveryMs } from '../striker.ts';
import { ledgerName, runOfNode, type DrawnFleet, type FleetNode } from './draw-fleet.ts';
import type { NodeRun } from './judge-fleet.ts';
import { readExecutions, type Execution } from './read-fleet.ts';

/** A worker answers for a closed run within this time, also after the worker and the server were killed. */
const STATUS_WITHIN_MS = 60_000;

/** The runs of one host of a fleet, judged like a series: one plan that runs several times on one host. */
export interface NodePlayed {
  readonly judged: readonly JudgedRun[];
  readonly runs: readonly NodeRun[];
}

/** A rollout of a fleet, with when it began. */
export interface Rolled {
  readonly drawn: DrawnFleet;
  readonly begunMs: number;
  readonly executions: readonly Execution[];
}

/** Reads and judges all runs of a host. `rolled` are the rollouts of its fleet, one after the other. */
export async function readNode(
  setting: Setting,
  rolled: readonly Rolled[],
  index: number,
  workflowId: string,
): Promise<NodePlayed> {
  const { stage } = setting;
  const [{ drawn, begunMs }] = rolled as [Rolled, ...Rolled[]];
  const node = drawn.nodes[index]!;
  const host = stage.hosts[node.host]!;
  const executions = await readExecutions(setting, workflowId, begunMs);
  const groups = [...groupBy(executions, ({ firstRunId }) => firstRunId).values()];
  const played: ReadRun[] = [];
  for (const [i, group] of groups.entries())
    played.push(await readRun(setting, rolled, node.name, group, i + 1));
  const last = played.at(-1);
  if (!last) return { judged: [], runs: [] };
  const path = sentinelPath(last.drawn);
  const runs = played.map((run): PlayedRun => ({
    ...run,
    faults: faultsOf(setting, node, workflowId, run, played),
  }));
  runs[runs.length - 1] = { ...runs.at(-1)!, sentinel: await host.run(`cat ${path} 2>/dev/null || :`) };
  const ledger = stage.ledger.lines.filter(({ run }) => run.startsWith(`${ledgerName(drawn, node)}:`));
  const shown = runs.flatMap(({ owner, status }) => launchesOf({ firstRunId: owner, status }));
  const ids = new Set([...ledger.map(({ launch }) => launch), ...shown.map(({ id }) => id)]);
  const { launches, alive, sessions } = await readHost(host, [...ids], path);
  const evidence = { hostName: host.sandbox.name, runs, ledger, launches, alive, sessions };
  const judged = judgeSeries(evidence);
  return {
    judged,
    runs: judged.map((each, i) => toNodeRun(rolled, node.name, groups[i]!, each)),
  };
}

function toNodeRun(
  rolled: readonly Rolled[],
  node: string,
  [first]: readonly Execution[],
  { evidence: { drawn, outcome, status, ledger } }: JudgedRun,
): NodeRun {
  const parent = rolled
    .flatMap(({ executions }) => executions)
    .find(({ runId }) => runId === first?.parentRunId);
  return {
    node,
    begunMs: first?.begunMs ?? 0,
    fleetRunId: parent?.firstRunId ?? '',
    withOnce: drawn.steps.some(({ once }) => once),
    // Waited for until it was closed.
    outcome: outcome.outcome as RunResult['outcome'],
    auditTrail: status.auditTrail,
    ledger,
  };
}

type ReadRun = PlayedRun & { readonly attempts: readonly Attempt[] };

/** Reads a run, which has several executions if it was reset. */
async function readRun(
  setting: Setting,
  rolled: readonly Rolled[],
  nodeName: string,
  group: readonly Execution[],
  number: number,
): Promise<ReadRun> {
  const { stage, signal } = setting;
  const { workflowId, firstRunId, begunMs, steps } = group[0]!;
  const { runId, endedMs, isTerminated } = group.at(-1)!;
  const fleet = rolled.findLast((each) => each.begunMs <= begunMs)!.drawn;
  const node = fleet.nodes.find(({ name }) => name === nodeName)!;
  const drawn = runOfNode(
    fleet,
    node,
    number,
    fleet.steps.some(({ name, once }) => once && steps.includes(name)),
  );
  const history = await again(signal, () => readHistory(stage, workflowId, runId));
  const outcome = await again(signal, () => stage.client.result(workflowId, { runId }));
  const soon = AbortSignal.any([signal, AbortSignal.timeout(STATUS_WITHIN_MS)]);
  const status = await again(soon, () => stage.client.status(workflowId, { runId })).catch(() =>
    unknownStatus(drawn),
  );
  return {
    owner: firstRunId,
    ...history,
    drawn:
      isTerminated && wasReset(setting, fleet)
        ? { ...drawn, action: { action: 'terminate', afterMs: 0 } }
        : drawn,
    firstRunId,
    outcome,
    status,
    begunMs,
    endedMs,
    faults: [],
  };
}

/** The server may end the runs of a fleet that is reset to a point before their start, and the fleet starts them again. */
const wasReset = ({ struck }: Setting, { name }: DrawnFleet) =>
  struck.some(({ kind, run }) => kind === WORKFLOW_RESET && run === fleetWorkflowId(name));

/** The faults that a host has met since a run began. Those of its workflow id count for the run that was at work. */
function faultsOf(
  { stage, struck }: Setting,
  { host: number }: FleetNode,
  workflowId: string,
  { begunMs, events, attempts, drawn }: ReadRun,
  runs: readonly ReadRun[],
): Injected[] {
  const host = stage.hosts[number]!.sandbox.name;
  return struck
    .filter((fault) => fault.host === host && fault.healedMs >= begunMs)
    .map((fault) => {
      const { on: _on, held: _held, heardMs: _heardMs, ...injected } = fault;
      if (fault.run !== workflowId) return injected;
      const met = runs.findLast(({ begunMs }) => begunMs <= fault.atMs) ?? runs[0]!;
      const recovered =
        met.drawn.name === drawn.name
          ? recoveryMs(fault, { eventsMs: events.map(({ atMs }) => atMs), attempts })
          : undefined;
      return { ...injected, run: met.drawn.name, ...(recovered !== undefined && { recoveryMs: recovered }) };
    });
}
