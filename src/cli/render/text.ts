import { eastAsianWidth } from 'get-east-asian-width';
import { stripVTControlCharacters } from 'node:util';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const ASCII = /^[\u0020-\u007e]*$/;
/** Takes no column by itself. */
const INVISIBLE = /^[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Control}]/u;
/** A pair of these is a flag. */
const FLAG = /^\p{Regional_Indicator}{2}/u;
/** A character that is narrow without the selector. */
const MADE_EMOJI = /^\p{Emoji}\ufe0f/u;
/** A character of a person has a few marks; more of them only slow a terminal down. UTF-16 units. */
const LONGEST_GRAPHEME = 32;

/** The columns that a text takes in a terminal: wide characters take two, colours and combining marks none. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text)))
    width += graphemeWidth(segment);
  return width;
}

/** Cuts a text without colours to a width; the cut is seen. */
export function cut(text: string, columns: number): string {
  const { kept, whole } = take(text, columns);
  return whole || columns < 1 ? kept : `${take(text, columns - 1).kept}…`;
}

/** Fills a text up to a width. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

/** Breaks a text without colours into rows of a width; an empty one is a row, too. */
export function wrap(text: string, columns: number): string[] {
  const rows: string[] = [];
  if (ASCII.test(text)) {
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

/** `0 B`, `12.3 kB`, `4.0 GB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** The beginning that fits. What comes after it is never looked at, however long it is. */
function take(text: string, columns: number): { readonly kept: string; readonly whole: boolean } {
  if (text.length <= columns && ASCII.test(text)) return { kept: text, whole: true };
  let kept = '';
  let room = columns;
  for (const { shown, wide } of visible(text)) {
    if (wide > room) return { kept, whole: false };
    kept += shown;
    room -= wide;
  }
  return { kept, whole: true };
}

/** What of a text is to be seen; of what takes no room any number would fit in. */
function* visible(text: string): Generator<{ readonly shown: string; readonly wide: number }> {
  for (const { segment } of graphemes.segment(text)) {
    const wide = graphemeWidth(segment);
    if (wide > 0) yield { shown: segment.slice(0, LONGEST_GRAPHEME), wide };
  }
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  if (MADE_EMOJI.test(grapheme) || FLAG.test(grapheme)) return 2;
  return eastAsianWidth(grapheme.codePointAt(0) ?? 0);
}
