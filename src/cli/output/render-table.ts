import type { StepProgress } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { describePause } from '../../domain/run/server-pause.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Paint } from './paint.ts';
import { listRows, STYLES, renderParts, type PartRow } from './render-parts.ts';
import { cut, wrapIndented, wrapWords } from './text.ts';
import { describeTrouble, describeWait } from './describe-trouble.ts';

export interface TableOptions {
  readonly columns: number;
  /**
   * The maximum number of rows below the head. Long texts are wrapped as long as everything fits; otherwise steps that run or
   * need attention are shown first.
   */
  readonly maxRows: number;
  readonly nowMs: number;
  readonly paint: Paint;
}

/** Renders a run for a terminal: its place and phase, then a row for each step and finalizer, then notes. */
export function renderTable(
  status: RunStatus,
  progress: readonly StepProgress[],
  options: TableOptions,
): string[] {
  const { columns, maxRows, paint } = options;
  // Durations stop when the run is over.
  const nowMs = status.endedAtMs ?? options.nowMs;
  const all = listRows(status, progress);
  const wait = describeWait(status, nowMs);
  const title = wrapWords(describeRun(status, nowMs), columns).map((line) => paint('bold', line));
  const holds = [
    ...(status.trouble ? [describeTrouble(status.trouble)] : []),
    ...(status.serverPause ? [oneLine(describePause(status.serverPause))] : []),
    ...(wait === undefined ? [] : [wait]),
  ];
  const top = [
    ...title,
    ...holds.flatMap((text) => wrapIndented(text, columns, '  ')).map((line) => paint('yellow', line)),
  ];
  const notes = (status.notes ?? []).flatMap((note) => wrapIndented(oneLine(note), columns, '  '));
  const room = maxRows - title.length + 1;
  const isBounded = Number.isFinite(maxRows);
  const whole = renderParts(all, { columns, nowMs, paint, overflow: isBounded ? 'wrap-messages' : 'wrap' });
  const lines = whole.rows.flat();
  if (lines.length + notes.length <= room) return [...top, whole.head, ...lines, ...notes];
  const rows = chooseRows(all, room);
  const left = all.length - rows.length;
  const cutOff = renderParts(rows, { columns, nowMs, paint, overflow: 'cut' });
  return [
    ...top,
    cutOff.head,
    ...cutOff.rows.flat(),
    ...(left > 0 ? [paint('dim', cut(`  … and ${left} more`, columns))] : []),
  ];
}

/** `demo · root@web1:22 · steps (paused) · 12 s` */
export function describeRun(status: RunStatus, nowMs: number): string {
  const elapsed = formatDuration(nowMs - status.startedAtMs);
  const paused = status.paused ? ' (paused)' : '';
  const about = [status.plan, status.host, `${status.phase}${paused}`, elapsed].filter((word) => word !== '');
  return oneLine(about.join(' · '));
}

/** Chooses the most important rows, in the plan's order. */
function chooseRows(rows: readonly PartRow[], maxRows: number): readonly PartRow[] {
  if (rows.length <= maxRows) return rows;
  const ranked = rows.toSorted((a, b) => STYLES[a.part.state].rank - STYLES[b.part.state].rank);
  const chosen = new Set(ranked.slice(0, Math.max(1, maxRows - 1)));
  return rows.filter((row) => chosen.has(row));
}
