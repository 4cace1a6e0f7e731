import { oneLine, plainText } from '../../domain/terminal.ts';
import { listChanges, renderChange } from '../render/changes.ts';
import type { Paint } from '../render/paint.ts';
import { renderParts, type PartRow } from '../render/parts.ts';
import { renderEnd } from '../render/reports.ts';
import { describeRun } from '../render/table.ts';
import { cut, formatBytes, wrap } from '../render/text.ts';
import { isOver, type RunView, type State } from './model.ts';
import {
  layoutOf,
  parkedParts,
  rowKey,
  selectedPart,
  selectedRun,
  shownParts,
  windowStart,
} from './select.ts';

/** The last things that people did to a run. */
const MOST_ORDERS = 3;
/** What is below the steps needs this much to be of use. */
const LEAST_BELOW = 3;

export function titleOfRun(state: State): string {
  const run = selectedRun(state);
  if (!run) return state.scope;
  return oneLine(run.status ? `${run.info.id} · ${describeRun(run.status, nowOf(run, state))}` : run.info.id);
}

/** One run: what it needs or how it ended, its steps, and what the one under the cursor failed of. */
export function renderRun(state: State, paint: Paint): string[] {
  const { columns } = state.size;
  const run = selectedRun(state);
  if (!run) return [cut('  Asking the server …', columns)];
  const { body } = layoutOf(state);
  const head = renderHead(run, columns, paint);
  const rows = shownParts(run);
  const room = body - head.length - 1;
  const steps = renderSteps(state, run, rows.length + LEAST_BELOW < room ? rows.length + 1 : room + 1, paint);
  const below = [...renderPart(selectedPart(state), columns), ...renderOrders(run)].map((line) =>
    cut(line, columns),
  );
  return [...head, ...steps, ...(below.length > 0 ? ['', ...below] : [])];
}

/** Impossible to overlook: what waits for a person, or how it all ended. */
function renderHead(run: RunView, columns: number, paint: Paint): string[] {
  const silent =
    run.silentSinceMs === undefined || run.final
      ? []
      : [paint('yellow', cut('? no worker answers for this run: shown is what was known before', columns))];
  if (run.result) {
    const lines = renderEnd(run.result, run.status).slice(0, 2);
    return [...silent, ...lines.map((line) => paint('bold', cut(oneLine(line), columns)))];
  }
  if (isOver(run)) return silent;
  const needs = parkedParts(run).map(({ name, part, lastLine }) =>
    cut(`⏸ NEEDS A PERSON  ${name} (try ${part.generation}): ${lastLine}`, columns),
  );
  const more = needs.length > 3 ? [cut(`⏸ and ${needs.length - 3} more`, columns)] : [];
  return [...silent, ...[...needs.slice(0, 3), ...more].map((line) => paint('yellow', line))];
}

/** The head and as many parts as fit into `height` rows, around the one under the cursor. */
export function renderSteps(state: State, run: RunView, height: number, paint: Paint): string[] {
  const { columns } = state.size;
  const rows = shownParts(run);
  if (rows.length === 0) {
    const silent = run.silentSinceMs !== undefined;
    const why = silent
      ? 'No worker answers for this run; start one with: chandler worker'
      : 'Asking the run …';
    return [paint('dim', cut(`  ${why}`, columns))];
  }
  const selected = selectedPart(state);
  const index = selected ? rows.findIndex((row) => rowKey(row) === rowKey(selected)) : 0;
  const count = Math.max(0, height - 1);
  const start = windowStart(rows.length, index, count);
  return renderParts(rows.slice(start, start + count), {
    columns,
    nowMs: nowOf(run, state),
    paint,
    // In the list the cursor is among the runs.
    ...(state.view === 'run' && { selected: index - start }),
  });
}

/** What is known of the part under the cursor beside its row. */
function renderPart(row: PartRow | undefined, columns: number): string[] {
  if (!row) return [];
  const { failure } = row.part;
  if (!failure)
    return row.logBytes === undefined ? [] : [`  ${row.name} has printed ${formatBytes(row.logBytes)}`];
  const tail = plainText(failure.logTail ?? '').trimEnd();
  return [
    // Whole: it has the command to attach with.
    ...wrap(`${row.name} · ${failure.code}: ${oneLine(failure.advice)}`, Math.max(1, columns - 2)).map(
      (line) => `  ${line}`,
    ),
    ...(tail === '' ? [] : tail.split('\n').map((line) => `  | ${oneLine(line)}`)),
  ];
}

function renderOrders({ status }: RunView): string[] {
  if (!status || status.interventions.length === 0) return [];
  const orders = listChanges({ ...status, interventions: [] }, status, 0).slice(-MOST_ORDERS);
  return ['', ...orders.map((change) => `  ${renderChange(change)}`)];
}

/** In a run that is over no clock runs on. */
function nowOf({ info, status }: RunView, { nowMs }: State): number {
  return info.endedAtMs ?? status?.endedAtMs ?? nowMs;
}
