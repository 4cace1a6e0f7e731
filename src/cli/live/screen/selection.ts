import { isOpenStatus } from '../../../domain/run/execution-status.ts';
import { isFullyParked, isPartOver, listParts, type RunStatus } from '../../../domain/run/status.ts';
import type { Style } from '../../output/paint.ts';
import { listRows, STYLES, type PartRow } from '../../output/render-parts.ts';
import { describeRunInfo } from '../../output/render-runs.ts';
import { isOver, type RunView } from '../live-runs.ts';
import type { State } from './model.ts';

/** The state of a run with the mark and colour of a part's state. Lower ranks come first. */
export interface Standing {
  readonly rank: number;
  readonly mark: string;
  readonly style: Style;
  readonly word: string;
}

export function standing(run: RunView): Standing {
  const { info, status } = run;
  const phase = status?.phase ?? info.phase;
  if (!isOver(run)) {
    if (run.held) return { rank: 1, mark: '=', style: 'yellow', word: 'paused by Temporal' };
    if (needsPerson(run)) {
      const others = status && !isFullyParked(status) ? ', others run' : '';
      return { rank: 0, mark: '⏸', style: 'yellow', word: `needs attention${others}` };
    }
    if (run.silentSinceMs !== undefined)
      return { rank: 1, mark: '?', style: 'yellow', word: 'no worker answers' };
    const word = status?.paused ? `paused: ${phase}` : describeRunInfo({ ...info, phase });
    return { rank: 1, mark: status?.paused ? '=' : '▶', style: 'cyan', word };
  }
  // The run's own latest answer may be newer than the server's list.
  const word = isOpenStatus(info.status) ? phase : describeRunInfo({ ...info, phase });
  const done = phase === 'provisioned' || phase === 'already-provisioned' || info.status === 'COMPLETED';
  if (done) return { rank: 4, mark: '✔', style: 'green', word };
  return { rank: phase === 'aborted' ? 3 : 2, mark: '✘', style: 'red', word };
}

export function needsPerson(run: RunView): boolean {
  return !isOver(run) && (run.status?.attention ?? run.info.attention);
}

/** The runs that match the filter: those that need attention first, then the latest first. */
export function shownRuns(state: State): RunView[] {
  const wanted = state.filter.toLowerCase();
  return state.runs
    .map((run) => ({ run, stands: standing(run) }))
    .filter(({ run, stands }) => {
      const { info, status } = run;
      return `${info.id} ${info.plan} ${status?.host ?? ''} ${stands.word}`.toLowerCase().includes(wanted);
    })
    .sort((a, b) => a.stands.rank - b.stands.rank || b.run.info.startedAtMs - a.run.info.startedAtMs)
    .map(({ run }) => run);
}

/** The run under the cursor; until the cursor is moved, the run that needs attention most. */
export function selectedRun(state: State): RunView | undefined {
  const chosen = state.runs.find(({ info }) => info.id === state.run);
  if (state.view !== 'list') return chosen ?? state.runs[0];
  const shown = shownRuns(state);
  return chosen && shown.includes(chosen) ? chosen : shown[0];
}

/** The parts of a run: those that need attention first, then in the plan's order. */
export function shownParts(run: RunView | undefined): PartRow[] {
  if (!run?.status) return [];
  return listRows(run.status, run.progress).toSorted((a, b) => urgency(a) - urgency(b));
}

export function rowKey(row: Pick<PartRow, 'step' | 'finalizer'>): string {
  return `${row.step} ${row.finalizer}`;
}

/** The part under the cursor; in the list of runs, the most important part. */
export function selectedPart(state: State): PartRow | undefined {
  const parts = shownParts(selectedRun(state));
  const { log } = state;
  const key = state.view === 'log' && log ? rowKey(log) : state.view === 'run' ? state.part : undefined;
  return parts.find((row) => rowKey(row) === key) ?? parts[0];
}

/** Parts that need attention, wait for input, or wait for an unreachable host. */
export function partsNeedingPerson(run: RunView): PartRow[] {
  return shownParts(run).filter(
    ({ part }) => part.state === 'parked' || (part.trouble ?? part.input) !== undefined,
  );
}

/** Whether the part of the open log starts no launch any more, unless an operator runs it again. */
export function isLogPartOver(state: State): boolean {
  const part = selectedPart(state)?.part;
  return part !== undefined && (part.state === 'parked' || isPartOver(part));
}

/** `1⏸ 2▶ 3✔`: the number of parts in each state. */
export function summarize(status: RunStatus): string {
  const marks = listParts(status).map(({ part }) => STYLES[part.state].mark);
  return [...new Set(Object.values(STYLES).map(({ mark }) => mark))]
    .map((mark) => [marks.filter((own) => own === mark).length, mark] as const)
    .filter(([count]) => count > 0)
    .map(([count, mark]) => `${count}${mark}`)
    .join(' ');
}

/** The first row of a window on `count` rows that shows row `index`, in its middle if possible. */
export function windowStart(count: number, index: number, height: number): number {
  return Math.max(0, Math.min(index - Math.floor(height / 2), count - height));
}

function urgency({ part }: PartRow): number {
  return (part.trouble ?? part.input) || STYLES[part.state].rank === 0 ? 0 : 1;
}
