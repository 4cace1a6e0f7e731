import { isFullyParked, listParts, type PartState, type RunStatus } from '../../domain/status.ts';
import type { Style } from '../render/paint.ts';
import { listRows, LOOKS, type PartRow } from '../render/parts.ts';
import { describeRunInfo } from '../render/runs.ts';
import { isOver, type RunView, type State } from './model.ts';

/** How a run stands, told as the states of its parts are. Lower ranks come first. */
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
    if (needsPerson(run)) {
      const others = status && !isFullyParked(status) ? ', others run' : '';
      return { rank: 0, mark: '⏸', style: 'yellow', word: `needs a person${others}` };
    }
    if (run.silentSinceMs !== undefined)
      return { rank: 1, mark: '?', style: 'yellow', word: 'no worker answers' };
    const word = status?.paused ? `paused: ${phase}` : describeRunInfo({ ...info, phase });
    return { rank: 1, mark: status?.paused ? '=' : '▶', style: 'cyan', word };
  }
  // Its own last answer may be newer than what the engine lists.
  const word = info.status === 'RUNNING' ? phase : describeRunInfo({ ...info, phase });
  const done = phase === 'provisioned' || phase === 'already-provisioned' || info.status === 'COMPLETED';
  if (done) return { rank: 4, mark: '✔', style: 'green', word };
  return { rank: phase === 'aborted' ? 3 : 2, mark: '✘', style: 'red', word };
}

export function needsPerson(run: RunView): boolean {
  return !isOver(run) && (run.status?.attention ?? run.info.attention);
}

/** The runs that the filter lets through: those that need somebody first, then the latest first. */
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

/** The run under the cursor: until somebody moves it, the one that matters most. */
export function selectedRun(state: State): RunView | undefined {
  const chosen = state.runs.find(({ info }) => info.id === state.run);
  if (state.view !== 'list') return chosen ?? state.runs[0];
  const shown = shownRuns(state);
  return chosen && shown.includes(chosen) ? chosen : shown[0];
}

/** Its parts: those that need somebody first, then as in the plan. */
export function shownParts(run: RunView | undefined): PartRow[] {
  if (!run?.status) return [];
  return listRows(run.status, run.progress).toSorted((a, b) => urgency(a) - urgency(b));
}

/** Names a row of a run. */
export function rowKey(row: Pick<PartRow, 'step' | 'finalizer'>): string {
  return `${row.step} ${row.finalizer}`;
}

/** The part under the cursor. In the list of runs it is the one that matters most. */
export function selectedPart(state: State): PartRow | undefined {
  const parts = shownParts(selectedRun(state));
  const { log } = state;
  const key = state.view === 'log' && log ? rowKey(log) : state.view === 'run' ? state.part : undefined;
  return parts.find((row) => rowKey(row) === key) ?? parts[0];
}

/** What waits for a person. */
export function parkedParts(run: RunView): PartRow[] {
  return shownParts(run).filter(({ part }) => part.state === 'parked');
}

const SUMMED: readonly PartState[] = [
  'parked',
  'failed',
  'killed',
  'retrying',
  'running',
  'blocked',
  'pending',
  'succeeded',
];

/** `1⏸ 2▶ 3✔`: how many parts are in which state. */
export function summarize(status: RunStatus): string {
  const marks = listParts(status).map(({ part }) => LOOKS[part.state].mark);
  return [...new Set(SUMMED.map((state) => LOOKS[state].mark)), LOOKS.skipped.mark]
    .map((mark) => [marks.filter((own) => own === mark).length, mark] as const)
    .filter(([count]) => count > 0)
    .map(([count, mark]) => `${count}${mark}`)
    .join(' ');
}

/** The first row of a window on `count` rows that shows row `index` in its middle, as far as that can be. */
export function windowStart(count: number, index: number, height: number): number {
  return Math.max(0, Math.min(index - Math.floor(height / 2), count - height));
}

/** How the rows of the screen are shared out. */
export interface Layout {
  /** Between the title and the foot. */
  readonly body: number;
  /** Runs of the list; what is left shows the parts of the one under the cursor. */
  readonly list: number;
}

const ROOM_FOR_BOTH = 14;

export function layoutOf(state: State): Layout {
  const body = Math.max(0, state.size.rows - 3);
  // A head, and below the list a blank and a head of the parts.
  const list = body < ROOM_FOR_BOTH ? body - 1 : Math.min(shownRuns(state).length, Math.floor(body / 2));
  return { body, list: Math.max(0, list) };
}

/** The runs that can be seen now. */
export function visibleRuns(state: State): RunView[] {
  if (state.view !== 'list') return [];
  const shown = shownRuns(state);
  const { list } = layoutOf(state);
  const index = shown.findIndex(({ info }) => info.id === selectedRun(state)?.info.id);
  const start = windowStart(shown.length, index, list);
  return shown.slice(start, start + list);
}

function urgency({ part }: PartRow): number {
  return LOOKS[part.state].rank === 0 ? 0 : 1;
}

/** The window on a log. */
export function logSize(state: State): { readonly columns: number; readonly rows: number } {
  return { columns: Math.max(1, state.size.columns), rows: Math.max(1, state.size.rows - 4) };
}
