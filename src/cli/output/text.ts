import { stripVTControlCharacters } from 'node:util';
import { eastAsianWidth } from 'get-east-asian-width';

/** Characters of one column each that combine with no other: ASCII, Latin-1, and the marks that Chandler prints. */
const NARROW = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u00ff·…—▶⏸✔✘↻]*$/;
/** Emoji by default, by a selector, as a keycap, joined to another one, or a flag. */
const EMOJI =
  /(?!\p{RI})\p{Emoji_Presentation}|(?=\p{Emoji})\p{Extended_Pictographic}\ufe0f|[\d#*]\ufe0f?\u20e3|\u200d\p{Extended_Pictographic}|\p{RI}{2}/u;
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Control}\p{Format}\p{Mn}\p{Me}\p{Surrogate}]/u;
/** What adds columns to the character before it: spacing marks and halfwidth forms, such as the voiced sound mark. */
const ADDING = /[\p{Mc}\uff00-\uffef]/u;
/** In UTF-16 units. Real characters have a few combining marks; long sequences only slow a terminal down. */
const LONGEST_GRAPHEME = 32;
const MIN_INDENTED = 20;

/**
 * The number of columns that a text occupies in a terminal: wide characters occupy two, colours and combining marks none. Not by the
 * package string-width, because loading it adds 30 ms of CPU to every command.
 */
export function widthOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes(stripVTControlCharacters(text))) width += graphemeWidth(segment);
  return width;
}

/** Cuts a text without colours to a width, and marks the cut. */
export function cut(text: string, columns: number): string {
  const { kept, whole } = take(text, columns);
  return whole || columns < 1 ? kept : `${take(text, columns - 1).kept}…`;
}

export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

/** Breaks a text without colours into rows of a width; an empty text is one row. */
export function wrap(text: string, columns: number): string[] {
  const rows: string[] = [];
  if (NARROW.test(text)) {
    for (let at = 0; at < text.length; at += columns) rows.push(text.slice(at, at + columns));
    return rows.length === 0 ? [''] : rows;
  }
  let row = '';
  let room = columns;
  for (const { shown, wide } of visible(text)) {
    if (wide > room && row !== '') {
      rows.push(row);
      row = '';
      room = columns;
    }
    row += shown;
    room -= wide;
  }
  return [...rows, row];
}

/** Breaks a text without colours at its blanks into rows of a width; breaks only words that are wider. */
export function wrapWords(text: string, columns: number): string[] {
  const width = Math.max(1, columns);
  const rows: string[] = [];
  let row: string | undefined;
  let used = 0;
  for (const word of text.split(' ')) {
    const pieces = wrap(word, width);
    const last = pieces.at(-1) ?? '';
    const wide = widthOf(last);
    if (row !== undefined && pieces.length === 1 && used + 1 + wide <= width) {
      row += ` ${last}`;
      used += 1 + wide;
      continue;
    }
    if (row !== undefined) rows.push(row.trimEnd());
    rows.push(...pieces.slice(0, -1));
    row = last;
    used = wide;
  }
  return [...rows, row ?? ''];
}

/** Like {@link wrapWords}, with an indent before every row but the first. In few columns there is no indent. */
export function wrapIndented(text: string, columns: number, indent: string): string[] {
  const margin = columns < MIN_INDENTED ? '' : indent;
  const [first = '', ...others] = wrapWords(text, columns - margin.length);
  return [first, ...others.map((row) => margin + row)];
}

/** `0 B`, `12.3 kB`, `4.0 GB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** The longest beginning that fits. Stops there, however long the text is. */
function take(text: string, columns: number): { readonly kept: string; readonly whole: boolean } {
  if (text.length <= columns && NARROW.test(text)) return { kept: text, whole: true };
  let kept = '';
  let room = columns;
  for (const { shown, wide } of visible(text)) {
    if (wide > room) return { kept, whole: false };
    kept += shown;
    room -= wide;
  }
  return { kept, whole: true };
}

/**
 * The graphemes that occupy columns, with their widths. Those without width are dropped, because any number of them would fit.
 */
function* visible(text: string): Generator<{ readonly shown: string; readonly wide: number }> {
  for (const { segment } of graphemes(text)) {
    const wide = graphemeWidth(segment);
    if (wide > 0) yield { shown: segment.slice(0, LONGEST_GRAPHEME), wide };
  }
}

/** Made when a text first needs it: it takes longer to make than all of `chandler --version`. */
let segmenter: Intl.Segmenter | undefined;

function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

function graphemeWidth(grapheme: string): number {
  const [first, ...others] = Array.from(grapheme.slice(0, LONGEST_GRAPHEME)).filter(
    (char) => !INVISIBLE.test(char),
  );
  if (first === undefined) return 0;
  if (EMOJI.test(grapheme)) return 2;
  return [first, ...others.filter((char) => ADDING.test(char))]
    .map((char) => eastAsianWidth(char.codePointAt(0) ?? 0))
    .reduce((sum, width) => sum + width, 0);
}
