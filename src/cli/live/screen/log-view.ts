import { plainText } from '../../../domain/text/plain-text.ts';
import type { LogPieceRequest } from '../due-questions.ts';
import { wrap } from '../../output/text.ts';
import type { LogPiece, LogRead } from '../live-runs.ts';
import type { LogView } from './model.ts';

/** The size of one request, in bytes. */
const PIECE_BYTES = 32 * 1024;
/** The size of the text in memory, in UTF-16 units. Text far from the window is dropped and read again when needed. */
const MAX_TEXT = 256 * 1024;
/** How long a worker waits on the host for new output, in seconds. */
const FOLLOW_S = 5;
const TAB = 8;

/** The state of a log before it is read, from its beginning or its end. */
export function openLog(
  part: Pick<LogView, 'run' | 'step' | 'finalizer' | 'attempt'>,
  opening: number,
  from: LogView['from'] = 'end',
): LogView {
  const nothing = { pieces: [], size: 0, complete: false, cut: false, below: 0 };
  return { ...part, ...nothing, opening, from, following: from === 'end' };
}

/** The next request; undefined for none. */
export function nextRequest(log: LogView, columns: number, height: number): LogPieceRequest | undefined {
  const [first] = log.pieces;
  const last = log.pieces.at(-1);
  if (!first || !last) {
    return {
      where: 'first',
      offset: log.from === 'end' ? -PIECE_BYTES : 0,
      maxBytes: PIECE_BYTES,
      followS: 0,
    };
  }
  const later = { where: 'later', offset: last.nextOffset, maxBytes: PIECE_BYTES } as const;
  if (log.following) return log.complete ? undefined : { ...later, followS: FOLLOW_S };
  const above = logRows(log, columns).length - log.below - height;
  if (above < height && first.offset > 0) {
    const offset = Math.max(0, first.offset - PIECE_BYTES);
    return { where: 'earlier', offset, maxBytes: first.offset - offset, followS: 0 };
  }
  return log.below < height && last.nextOffset < log.size ? { ...later, followS: 0 } : undefined;
}

/** Adds an answer. The window keeps its text, unless the end is followed. */
export function addToLog(log: LogView, read: LogRead, columns: number, height: number): LogView {
  const { failure: _failure, ...known } = log;
  const rest = { ...known, size: read.size };
  const rowsOf = (pieces: readonly LogPiece[]) => logRows({ pieces }, columns).length;
  if (read.where === 'earlier') {
    // The earlier piece ends before an incomplete character or secret, so the bytes from there on must be read again.
    const joins = log.pieces[0]?.offset === read.piece.nextOffset;
    const all = joins ? [read.piece, ...log.pieces] : [read.piece];
    const pieces = dropLast(all);
    const whole = joins && pieces.length === all.length;
    const below = joins ? Math.max(0, log.below - (rowsOf(all) - rowsOf(pieces))) : 0;
    return { ...rest, pieces, below, complete: whole && log.complete };
  }
  const all = read.piece.text === '' && log.pieces.length > 0 ? log.pieces : [...log.pieces, read.piece];
  const more = Math.max(0, rowsOf(all) - rowsOf(log.pieces));
  const begins = read.where === 'first' ? Math.max(0, more - height) : log.below + more;
  return {
    ...rest,
    pieces: dropFirst(all),
    complete: read.complete,
    cut: read.cut,
    below: log.following ? 0 : begins,
  };
}

/** Moves the window; negative numbers move it back. Moving beyond the end follows it. */
export function scrollLog(log: LogView, rows: number, columns: number, height: number): LogView {
  const most = Math.max(0, logRows(log, columns).length - height);
  const below = Math.max(0, Math.min(most, log.below - rows));
  const atEnd = rows > 0 && below === 0 && (log.pieces.at(-1)?.nextOffset ?? 0) >= log.size;
  const held = log.following && (rows >= 0 || (most === 0 && log.pieces[0]?.offset === 0));
  return { ...log, below, following: atEnd || held };
}

/** Rows by the pieces that they show: to lay out all that is held takes 20 ms, and each key and each drawing asks for it. */
const laidOut = new WeakMap<
  readonly LogPiece[],
  { readonly columns: number; readonly rows: readonly string[] }
>();

/** What has been read, as rows of a width. */
export function logRows({ pieces }: Pick<LogView, 'pieces'>, columns: number): readonly string[] {
  const known = laidOut.get(pieces);
  if (known?.columns === columns) return known.rows;
  const rows = layOut(pieces, columns);
  laidOut.set(pieces, { columns, rows });
  return rows;
}

function layOut(pieces: readonly LogPiece[], columns: number): readonly string[] {
  const lines = pieces
    .map(({ text }) => text)
    .join('')
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(overwrite)
    .join('\n');
  const rows = plainText(lines)
    .split('\n')
    .flatMap((line) => wrap(expandTabs(line), columns));
  // A line end at the end of the text begins no new row.
  return rows.at(-1) === '' ? rows.slice(0, -1) : rows;
}

/** The visible result of a line that carriage returns have overwritten repeatedly. */
function overwrite(line: string): string {
  if (!line.includes('\r')) return line;
  return line.split('\r').findLast((text) => text !== '') ?? '';
}

function expandTabs(line: string): string {
  if (!line.includes('\t')) return line;
  const [first = '', ...rest] = line.split('\t');
  return rest.reduce((text, word) => text + ' '.repeat(TAB - (text.length % TAB)) + word, first);
}

function dropFirst(pieces: readonly LogPiece[]): readonly LogPiece[] {
  return textOf(pieces) <= MAX_TEXT || pieces.length < 2 ? pieces : dropFirst(pieces.slice(1));
}

function dropLast(pieces: readonly LogPiece[]): readonly LogPiece[] {
  return textOf(pieces) <= MAX_TEXT || pieces.length < 2 ? pieces : dropLast(pieces.slice(0, -1));
}

function textOf(pieces: readonly LogPiece[]): number {
  return pieces.reduce((sum, { text }) => sum + text.length, 0);
}
