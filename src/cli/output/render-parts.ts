import type { StepProgress } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import {
  listParts,
  partName,
  type PartState,
  type PartStatus,
  type RunStatus,
} from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Paint, Style } from './paint.ts';
import { shortMessage } from './short-message.ts';
import { cut, pad, widthOf, wrapIndented, wrapWords } from './text.ts';
import { describeHold } from './describe-trouble.ts';

/** How states are shown: by a mark and a word; colour only adds to that. Lower ranks are more important; sums have this order. */
export const STYLES: Readonly<
  Record<PartState, { readonly mark: string; readonly style: Style; readonly rank: number }>
> = {
  parked: { mark: '⏸', style: 'yellow', rank: 0 },
  failed: { mark: '✘', style: 'red', rank: 0 },
  killed: { mark: '✘', style: 'red', rank: 1 },
  retrying: { mark: '↻', style: 'yellow', rank: 1 },
  running: { mark: '▶', style: 'cyan', rank: 1 },
  blocked: { mark: '⊘', style: 'red', rank: 2 },
  pending: { mark: '·', style: 'dim', rank: 3 },
  succeeded: { mark: '✔', style: 'green', rank: 4 },
  satisfied: { mark: '✔', style: 'green', rank: 4 },
  unchanged: { mark: '✔', style: 'dim', rank: 4 },
  skipped: { mark: '↷', style: 'yellow', rank: 4 },
};

/** A step or a finalizer, as a row of a table. */
export interface PartRow {
  readonly step: string;
  readonly finalizer: boolean;
  readonly name: string;
  readonly part: PartStatus;
  readonly lastLine: string;
  /** Whether `lastLine` is only the latest output of the part. */
  readonly isOutput: boolean;
  /** The size of its log, as far as it is known. */
  readonly logBytes?: number;
}

/** The steps of a run, each followed by its finalizer, in the plan's order. */
export function listRows(status: RunStatus, progress: readonly StepProgress[]): PartRow[] {
  return listParts(status).map(({ step, kind, part }) =>
    toRow(step.name, part, kind === 'finalizer', progress),
  );
}

export interface PartsOptions {
  readonly columns: number;
  readonly nowMs: number;
  readonly paint: Paint;
  /** The index of the row under the cursor, if there is one. */
  readonly selected?: number;
  /**
   * What happens to a text that is too long for its row. `wrap-messages` cuts only the output of steps: it changes often, and
   * wrapping it would move the rows below.
   */
  readonly overflow: 'wrap' | 'wrap-messages' | 'cut';
}

/** A text that would have fewer columns beside its row is shown below it. */
const MIN_TEXT = 24;
const INDENT = '    ';
const TIME_WIDTH = '59 min 59 s'.length;

/** The head, and the lines of each row. */
export interface PartsTable {
  readonly head: string;
  readonly rows: readonly (readonly string[])[];
}

export function renderParts(rows: readonly PartRow[], options: PartsOptions): PartsTable {
  const { columns, paint, overflow } = options;
  const nameWidth = Math.max(4, ...rows.map(({ name }) => widthOf(name)));
  const head = `  ${pad('STEP', nameWidth)}    STATE      ATTEMPT  ${pad('TIME', TIME_WIDTH)}`;
  const isNarrow = overflow !== 'cut' && widthOf(head) > columns && columns >= MIN_TEXT;
  return {
    head: paint('dim', isNarrow ? '  STEPS' : cut(`${head}  LAST LINE`, columns)),
    rows: rows.map((row, i) => {
      const cursor = i === options.selected ? '> ' : '  ';
      return isNarrow ? renderNarrowRow(row, cursor, options) : renderRow(row, cursor, nameWidth, options);
    }),
  };
}

/** Renders a row of the table. A text that does not fit beside it is shown below. */
function renderRow(row: PartRow, cursor: string, nameWidth: number, options: PartsOptions): string[] {
  const { columns, paint, overflow } = options;
  const { name, part, lastLine } = row;
  const { mark, style } = STYLES[part.state];
  const attempt = part.attempt === 0 ? '' : String(part.attempt);
  const begin = `${cursor}${pad(name, nameWidth)}  ${mark} `;
  const middle = part.state.padEnd(9);
  const end = `  ${attempt.padStart(7)}  ${timeOf(part, options).padEnd(TIME_WIDTH)}  `;
  const fixed = widthOf(begin) + middle.length + end.length;
  const room = columns - fixed;
  const isCut = isCutOff(row, options);
  const front = `${begin}${paint(style, middle)}${end}`;
  const longest = () => Math.max(...lastLine.split(' ').map(widthOf));
  const isBeside = widthOf(lastLine) <= room || (room >= MIN_TEXT && (isCut || longest() <= room));
  if (isBeside || (overflow === 'cut' && room >= 0)) {
    const [first = '', ...others] = isCut ? [cut(lastLine, room)] : wrapWords(lastLine, room);
    return [
      `${front}${paint('dim', first)}`.trimEnd(),
      ...others.map((line) => `${' '.repeat(fixed)}${paint('dim', line)}`),
    ];
  }
  // In very narrow terminals nothing can be wrapped.
  if (overflow === 'cut' || columns < MIN_TEXT) return [cut(`${begin}${middle}${end}`, columns)];
  return [front.trimEnd(), ...renderUnder(row, options)];
}

/** Renders a row as words, for a terminal that is too narrow for columns. */
function renderNarrowRow(row: PartRow, cursor: string, options: PartsOptions): string[] {
  const { name, part } = row;
  const { mark, style } = STYLES[part.state];
  const words = [
    `${cursor}${name}`,
    `${mark} ${part.state}`,
    ...(part.attempt === 0 ? [] : [`attempt ${part.attempt}`]),
    timeOf(part, options),
  ];
  const top = wrapIndented(words.join('  ').trimEnd(), options.columns, INDENT);
  return [...top.map((line) => options.paint(style, line)), ...renderUnder(row, options)];
}

function renderUnder(row: PartRow, options: PartsOptions): string[] {
  if (row.lastLine === '') return [];
  const room = options.columns - INDENT.length;
  const lines = isCutOff(row, options) ? [cut(row.lastLine, room)] : wrapWords(row.lastLine, room);
  return lines.map((line) => `${INDENT}${options.paint('dim', line)}`);
}

function isCutOff({ isOutput }: PartRow, { overflow }: PartsOptions): boolean {
  return overflow === 'cut' || (overflow === 'wrap-messages' && isOutput);
}

function timeOf({ startedAtMs, endedAtMs }: PartStatus, { nowMs }: PartsOptions): string {
  return startedAtMs === undefined ? '' : formatDuration((endedAtMs ?? nowMs) - startedAtMs);
}

function toRow(
  step: string,
  part: PartStatus,
  finalizer: boolean,
  progress: readonly StepProgress[],
): PartRow {
  const found = progress.find((item) => item.step === step && item.finalizer === finalizer);
  const current = found?.attempt === part.attempt ? found : undefined;
  const name = oneLine(partName(step, finalizer));
  // What is known of the output of a part that has ended is older than its end.
  const output = part.endedAtMs === undefined ? (current?.lastLine ?? '') : '';
  const latest = part.failure ? shortMessage(name, part.failure) : output;
  const notes = part.notes ?? [];
  const words = part.failure ? [latest, ...notes] : [...notes, latest];
  const { input } = part;
  // The program may have printed another prompt meanwhile.
  const asked =
    input && current && current.lastLine !== '' ? { ...input, lastLine: current.lastLine } : input;
  const hold = describeHold({ ...part, ...(asked && { input: asked }) });
  const text = hold ?? words.filter((each) => each !== '').join(' · ');
  return {
    step,
    finalizer,
    name,
    part,
    lastLine: oneLine(text).trim(),
    isOutput: hold === undefined && !part.failure && notes.length === 0,
    ...(current?.logBytes !== undefined && { logBytes: current.logBytes }),
  };
}
