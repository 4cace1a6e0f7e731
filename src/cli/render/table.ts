import { formatDuration } from '../../domain/duration.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { PartState, PartStatus, RunStatus } from '../../domain/status.ts';
import type { Progress } from '../watch.ts';
import { shortMessage } from './short-message.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

export interface TableOptions {
  readonly columns: number;
  /** At most so many steps are shown, those that are at work or need somebody first. */
  readonly maxRows: number;
  readonly nowMs: number;
  readonly paint: Paint;
}

const LOOKS: Readonly<
  Record<PartState, { readonly mark: string; readonly style: Style; readonly rank: number }>
> = {
  parked: { mark: '⏸', style: 'yellow', rank: 0 },
  failed: { mark: '✘', style: 'red', rank: 0 },
  killed: { mark: '✘', style: 'red', rank: 1 },
  running: { mark: '▶', style: 'cyan', rank: 1 },
  retrying: { mark: '↻', style: 'yellow', rank: 1 },
  blocked: { mark: '⊘', style: 'red', rank: 2 },
  pending: { mark: '·', style: 'dim', rank: 3 },
  succeeded: { mark: '✔', style: 'green', rank: 4 },
  satisfied: { mark: '✔', style: 'green', rank: 4 },
  skipped: { mark: '↷', style: 'yellow', rank: 4 },
};

interface Row {
  readonly name: string;
  readonly part: PartStatus;
  readonly lastLine: string;
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
  const all = status.steps.flatMap((step) => [
    toRow(step.name, step, false, progress),
    ...(step.finalizer ? [toRow(step.name, step.finalizer, true, progress)] : []),
  ]);
  const rows = chooseRows(all, maxRows);
  const left = all.length - rows.length;
  const nameWidth = Math.max(4, ...rows.map(({ name }) => name.length));
  const elapsed = formatDuration(nowMs - status.startedAtMs);
  const paused = status.paused ? ' (paused)' : '';
  const about = [status.plan, status.host, `${status.phase}${paused}`, elapsed].filter((word) => word !== '');
  const head = cut(oneLine(about.join(' · ')), columns);
  return [
    paint('bold', head),
    paint('dim', cut(`  ${'STEP'.padEnd(nameWidth)}    STATE      TRY  TIME         LAST LINE`, columns)),
    ...rows.map((row) => renderRow(row, nameWidth, { ...options, nowMs })),
    ...(left > 0 ? [paint('dim', `  … and ${left} more`)] : []),
  ];
}

function renderRow({ name, part, lastLine }: Row, nameWidth: number, options: TableOptions): string {
  const { columns, nowMs, paint } = options;
  const { mark, style } = LOOKS[part.state];
  const time =
    part.startedAtMs === undefined ? '' : formatDuration((part.endedAtMs ?? nowMs) - part.startedAtMs);
  const tries = part.generation === 0 ? '' : String(part.generation);
  const begin = `  ${name.padEnd(nameWidth)}  ${mark} `;
  const middle = part.state.padEnd(9);
  const end = `  ${tries.padStart(3)}  ${time.padEnd(11)}  `;
  const room = columns - begin.length - middle.length - end.length;
  // In a narrow terminal the row is cut as a whole, so that no line ever wraps.
  if (room < 0) return cut(`${begin}${middle}${end}`, columns);
  return `${begin}${paint(style, middle)}${end}${paint('dim', cut(lastLine, room))}`.trimEnd();
}

function toRow(step: string, part: PartStatus, finalizer: boolean, progress: readonly Progress[]): Row {
  const said = progress.find((item) => item.step === step && item.finalizer === finalizer);
  const current = said?.generation === part.generation ? said.lastLine : '';
  const name = finalizer ? `${step} (finalizer)` : step;
  const text = part.failure ? shortMessage(name, part.failure) : current;
  return {
    name,
    part,
    lastLine: oneLine(text).trim(),
  };
}

/** What matters most, in the plan's order. */
function chooseRows(rows: readonly Row[], maxRows: number): readonly Row[] {
  if (rows.length <= maxRows) return rows;
  const ranked = rows.toSorted((a, b) => LOOKS[a.part.state].rank - LOOKS[b.part.state].rank);
  const chosen = new Set(ranked.slice(0, Math.max(1, maxRows - 1)));
  return rows.filter((row) => chosen.has(row));
}

/** Cuts a text to a width. Wide characters may stand for two, so the terminal must not wrap either. */
function cut(text: string, columns: number): string {
  const characters = [...text];
  if (characters.length <= columns) return text;
  return columns < 1 ? '' : `${characters.slice(0, columns - 1).join('')}…`;
}
