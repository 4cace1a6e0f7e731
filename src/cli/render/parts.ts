import { formatDuration } from '../../domain/duration.ts';
import { listParts, type PartState, type PartStatus, type RunStatus } from '../../domain/status.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Progress } from '../look.ts';
import type { Paint, Style } from './paint.ts';
import { shortMessage } from './short-message.ts';
import { cut, pad, widthOf } from './text.ts';

/** How a state is told: by a mark and its word, and only then by a colour. Lower ranks matter more. */
export const LOOKS: Readonly<
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

/** A step or a finalizer, as a row of a table. */
export interface PartRow {
  readonly step: string;
  readonly finalizer: boolean;
  readonly name: string;
  readonly part: PartStatus;
  readonly lastLine: string;
  /** Of its log, as far as it is known. */
  readonly logBytes?: number;
}

/** The steps of a run, each followed by its finalizer, in the plan's order. */
export function listRows(status: RunStatus, progress: readonly Progress[]): PartRow[] {
  return listParts(status).map(({ step, kind, part }) =>
    toRow(step.name, part, kind === 'finalizer', progress),
  );
}

export interface PartsOptions {
  readonly columns: number;
  readonly nowMs: number;
  readonly paint: Paint;
  /** Of the rows, if there is a cursor. */
  readonly selected?: number;
}

/** A head and the rows. */
export function renderParts(rows: readonly PartRow[], options: PartsOptions): string[] {
  const { columns, paint, selected } = options;
  const nameWidth = Math.max(4, ...rows.map(({ name }) => widthOf(name)));
  const head = `  ${pad('STEP', nameWidth)}    STATE      TRY  TIME         LAST LINE`;
  return [
    paint('dim', cut(head, columns)),
    ...rows.map((row, i) => renderRow(row, i === selected ? '> ' : '  ', nameWidth, options)),
  ];
}

function renderRow(row: PartRow, cursor: string, nameWidth: number, options: PartsOptions): string {
  const { columns, nowMs, paint } = options;
  const { name, part, lastLine } = row;
  const { mark, style } = LOOKS[part.state];
  const time =
    part.startedAtMs === undefined ? '' : formatDuration((part.endedAtMs ?? nowMs) - part.startedAtMs);
  const tries = part.generation === 0 ? '' : String(part.generation);
  const begin = `${cursor}${pad(name, nameWidth)}  ${mark} `;
  const middle = part.state.padEnd(9);
  const end = `  ${tries.padStart(3)}  ${time.padEnd(11)}  `;
  const room = columns - widthOf(begin) - middle.length - end.length;
  // In a narrow terminal the row is cut as a whole, so that no line ever wraps.
  if (room < 0) return cut(`${begin}${middle}${end}`, columns);
  return `${begin}${paint(style, middle)}${end}${paint('dim', cut(lastLine, room))}`.trimEnd();
}

function toRow(step: string, part: PartStatus, finalizer: boolean, progress: readonly Progress[]): PartRow {
  const said = progress.find((item) => item.step === step && item.finalizer === finalizer);
  const current = said?.generation === part.generation ? said : undefined;
  const name = oneLine(finalizer ? `${step} (finalizer)` : step);
  const text = part.failure ? shortMessage(name, part.failure) : (current?.lastLine ?? '');
  return {
    step,
    finalizer,
    name,
    part,
    lastLine: oneLine(text).trim(),
    ...(current?.logBytes !== undefined && { logBytes: current.logBytes }),
  };
}
