import { launchesOf, readHistory, readHost, type Injected } from '../evidence.ts';
import { WORKFLOW_RESET } from '../controls.ts';
import { sentinelPath, workflowIdOf } from '../plans.ts';
import { again, play, unknownStatus, type JudgedRun, type Setting } from '../run.ts';
import type { DrawnFault } from '../schedule.ts';
import { recoveryMs, strikeRun } from '../striker.ts';
import type { SeriesRun } from './draw-series.ts';
import { judgeSeries } from './judge-series.ts';
import type { PlayedRun } from './series-evidence.ts';

/** The programs that every run calls. What is aimed at others would mostly miss, because most steps are unchanged. */
export const EVERY_RUN: ReadonlySet<string> = new Set(['any', 'prepare', 'launch', 'finish', 'supervise']);

/** Plays the runs of one plan one after another on its host, each with its faults, and judges all of them at the end. */
export async function playSeries(
  setting: Setting,
  runs: readonly SeriesRun[],
  faultsOf: (run: SeriesRun) => readonly DrawnFault[],
): Promise<JudgedRun[]> {
  const { stage } = setting;
  const { plan, host: number } = runs[0]!;
  const host = stage.hosts[number]!;
  const played: PlayedRun[] = [];
  for (const drawn of runs) {
    const begunMs = Date.now();
    const faults = drawn.isCalm ? [] : faultsOf(drawn);
    const striker = await strikeRun(
      stage,
      host,
      drawn.name,
      // A reset would revive a terminated run that others follow.
      faults.filter(({ kind }) => drawn.action?.action !== 'terminate' || kind.name !== WORKFLOW_RESET),
      setting.windows.filter(({ program }) => EVERY_RUN.has(program)),
      setting.locks,
      (struck) => void setting.struck.push(struck),
    );
    const { firstRunId, outcome, endedMs } = await play(setting, drawn);
    await striker.settle();
    const sentinel = await host.run(`cat ${sentinelPath(drawn)} 2>/dev/null || :`);
    const recalled = await recall(setting, drawn, begunMs);
    played.push({ owner: firstRunId, ...recalled, drawn, firstRunId, outcome, begunMs, endedMs, sentinel });
  }
  const ledger = stage.ledger.lines.filter(({ run }) => run.startsWith(`${plan}:`));
  const shown = played.flatMap(({ owner, status }) => launchesOf({ firstRunId: owner, status }));
  const ids = new Set([...ledger.map(({ launch }) => launch), ...shown.map(({ id }) => id)]);
  const { launches, alive, sessions } = await readHost(host, [...ids], sentinelPath(runs[0]!));
  return judgeSeries({ hostName: host.sandbox.name, runs: played, ledger, launches, alive, sessions });
}

type Recalled = Pick<PlayedRun, 'status' | 'claims' | 'events' | 'faults' | 'resetMs'> & {
  readonly owner?: string;
};

/** Reads what client and server know about a run that has ended, and the faults that its host met since it began. */
async function recall(
  { stage, signal, struck }: Setting,
  drawn: SeriesRun,
  begunMs: number,
): Promise<Recalled> {
  const workflowId = workflowIdOf(drawn);
  const status = await again(signal, () => stage.client.status(workflowId)).catch(() => unknownStatus(drawn));
  const { attempts, ...history } = await again(signal, () => readHistory(stage, workflowId));
  const host = stage.hosts[drawn.host]!.sandbox.name;
  const eventsMs = history.events.map(({ atMs }) => atMs);
  const faults = struck
    .filter((fault) => fault.host === host && fault.healedMs >= begunMs)
    .map((fault): Injected => {
      const { on: _on, held: _held, heardMs: _heardMs, ...injected } = fault;
      const recovered = recoveryMs(fault, { eventsMs, attempts });
      return { ...injected, ...(recovered !== undefined && { recoveryMs: recovered }) };
    });
  return { ...history, status, faults };
}
