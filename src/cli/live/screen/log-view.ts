import { plainText } from '../../../domain/text/plain-text.ts';
import type { LogRequest } from '../due-questions.ts';
import { wrap } from '../../output/text.ts';
import type { LogPiece, LogRead } from '../answer-question.ts';
import type { LogView } from './model.ts';

/** What one request asks for. Bytes. */
const PIECE_BYTES = 32 * 1024;
/** What is held of a log; what is far from the window is forgotten and read again. UTF-16 units. */
const MOST_TEXT = 256 * 1024;
/** How long a worker waits on the host for more. Seconds. */
const FOLLOW_S = 5;
const TAB = 8;

/** A log that is about to be read, from one of its ends. */
export function openLog(
  part: Pick<LogView, 'run' | 'step' | 'finalizer' | 'attempt'>,
  opening: number,
  from: LogView['from'] = 'end',
): LogView {
  const nothing = { pieces: [], size: 0, complete: false, cut: false, below: 0 };
  return { ...part, ...nothing, opening, from, following: from === 'end' };
}

/** What to ask for next, if anything. */
export function nextRequest(log: LogView, columns: number, height: number): LogRequest | undefined {
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

/** Puts an answer in its place: what is in the window stays there, unless the end is followed. */
export function addToLog(log: LogView, read: LogRead, columns: number, height: number): LogView {
  const { failure: _failure, ...known } = log;
  const rest = { ...known, size: read.size };
  const rowsOf = (pieces: readonly LogPiece[]) => logRows({ pieces }, columns).length;
  if (read.where === 'earlier') {
    // A character, or a secret, that goes on in what is there was left out at the end: that is read again.
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

/** Moves the window; negative numbers go back. Going beyond the end follows it. */
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
  // The end of the last line begins no other.
  return rows.at(-1) === '' ? rows.slice(0, -1) : rows;
}

/** What is left of a line that a carriage return has written over again and again. */
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
  return textOf(pieces) <= MOST_TEXT || pieces.length < 2 ? pieces : dropFirst(pieces.slice(1));
}

function dropLast(pieces: readonly LogPiece[]): readonly LogPiece[] {
  return textOf(pieces) <= MOST_TEXT || pieces.length < 2 ? pieces : dropLast(pieces.slice(0, -1));
}

function textOf(pieces: readonly LogPiece[]): number {
  return pieces.reduce((sum, { text }) => sum + text.length, 0);
}
