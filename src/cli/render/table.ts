import { formatDuration } from '../../domain/duration.ts';
import type { RunStatus } from '../../domain/status.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Progress } from '../look.ts';
import type { Paint } from './paint.ts';
import { listRows, LOOKS, renderParts, type PartRow } from './parts.ts';
import { cut } from './text.ts';

export interface TableOptions {
  readonly columns: number;
  /** At most so many steps are shown, those that are at work or need somebody first. */
  readonly maxRows: number;
  readonly nowMs: number;
  readonly paint: Paint;
}

/** A run as lines for a terminal: where it is, then a row for each step and finalizer. */
export function renderTable(
  status: RunStatus,
  progress: readonly Progress[],
  options: TableOptions,
): string[] {
  const { columns, maxRows, paint } = options;
  // In a run that is over no clock runs on.
  const nowMs = status.endedAtMs ?? options.nowMs;
  const all = listRows(status, progress);
  const rows = chooseRows(all, maxRows);
  const left = all.length - rows.length;
  return [
    paint('bold', cut(describeRun(status, nowMs), columns)),
    ...renderParts(rows, { columns, nowMs, paint }),
    ...(left > 0 ? [paint('dim', `  … and ${left} more`)] : []),
  ];
}

/** `demo · root@web1:22 · steps (paused) · 12 s` */
export function describeRun(status: RunStatus, nowMs: number): string {
  const elapsed = formatDuration(nowMs - status.startedAtMs);
  const paused = status.paused ? ' (paused)' : '';
  const about = [status.plan, status.host, `${status.phase}${paused}`, elapsed].filter((word) => word !== '');
  return oneLine(about.join(' · '));
}

/** What matters most, in the plan's order. */
function chooseRows(rows: readonly PartRow[], maxRows: number): readonly PartRow[] {
  if (rows.length <= maxRows) return rows;
  const ranked = rows.toSorted((a, b) => LOOKS[a.part.state].rank - LOOKS[b.part.state].rank);
  const chosen = new Set(ranked.slice(0, Math.max(1, maxRows - 1)));
  return rows.filter((row) => chosen.has(row));
}
