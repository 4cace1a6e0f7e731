import { plain, type Paint } from '../../output/paint.ts';
import { renderFleet } from '../../output/render-fleet.ts';
import { cut, wrapWords } from '../../output/text.ts';
import type { RunView } from '../live-runs.ts';
import type { State } from './model.ts';
import { selectedRun, shownRuns, windowStart } from './selection.ts';
import { describeLog, titleOf } from './titles.ts';

/** On screens with fewer rows, the title and the line above a log are cut to one row. */
const ROWS_FOR_WHOLE_TITLE = 12;
const MAX_TITLE_ROWS = 3;

export function titleRows(state: State): string[] {
  return headRows(titleOf(state), state);
}

export function logHeadRows(state: State): string[] {
  return state.log ? headRows(describeLog(state.log, state), state) : [];
}

function headRows(text: string, { size: { columns, rows } }: State): string[] {
  return rows < ROWS_FOR_WHOLE_TITLE
    ? [cut(text, columns)]
    : wrapWords(text, columns).slice(0, MAX_TITLE_ROWS);
}

/** The fleet above its runs, in at most half of the screen. */
export function fleetRows(state: State, paint: Paint): string[] {
  const { fleet, view, help, nowMs } = state;
  const { columns, rows } = state.size;
  if (view !== 'list' || help || !fleet?.status || rows < ROWS_FOR_WHOLE_TITLE) return [];
  const options = { columns, nowMs, paint, pace: fleet.pace, maxRows: 0 };
  return [...renderFleet(fleet.status, options).slice(0, Math.floor(rows / 2) - 1), ''];
}

export interface Layout {
  /** The number of rows between title and foot. */
  readonly body: number;
  /** The rows for runs; the rest shows the parts of the run under the cursor. */
  readonly list: number;
}

const ROOM_FOR_BOTH = 14;

export function layoutOf(state: State): Layout {
  const above = titleRows(state).length + fleetRows(state, plain).length;
  const body = Math.max(0, state.size.rows - above - 2);
  // Subtracts the head; below the list, also a blank line and the head of the parts.
  const list = body < ROOM_FOR_BOTH ? body - 1 : Math.min(shownRuns(state).length, Math.floor(body / 2));
  return { body, list: Math.max(0, list) };
}

export function visibleRuns(state: State): RunView[] {
  if (state.view !== 'list') return [];
  const shown = shownRuns(state);
  const { list } = layoutOf(state);
  const index = shown.findIndex(({ info }) => info.id === selectedRun(state)?.info.id);
  const start = windowStart(shown.length, index, list);
  return shown.slice(start, start + list);
}

export function logSize(state: State): { readonly columns: number; readonly rows: number } {
  const { columns, rows } = state.size;
  const others = titleRows(state).length + logHeadRows(state).length + 2;
  return { columns: Math.max(1, columns), rows: Math.max(1, rows - others) };
}
