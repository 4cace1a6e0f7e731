import { oneLine, plainText } from './plain-text.ts';

// The Temporal UI renders Markdown with gomarkdown, which is not CommonMark, and does not sanitize the result. This module writes
// only what gomarkdown and CommonMark read alike.

/** Escapes any text for prose or a table cell, so that it is shown literally. */
export function prose(text: string): string {
  return (
    oneLine(text)
      .replaceAll(/[\\`*_[\]<>|&~$^]/g, '\\$&')
      // These would begin a heading, a list or an attribute.
      .replace(/^( ?)([#+{-])/, '$1\\$2')
      .replace(/^( ?\d+)([.)])(?=\s|$)/, '$1\\$2')
      // URLs would become links, and two dashes would become one.
      .replaceAll(/:(?=\/\/)|(?<=mailto):|(?<!\\)-(?=-)|(?<=-)-/gi, '\\$&')
  );
}

/** Escapes advice: prose in which text between backticks is code. */
export function advice(text: string): string {
  const parts = oneLine(text).split('`');
  // With an odd number of backticks it is unclear what is code.
  if (parts.length % 2 === 0) return prose(text);
  return parts.map((part, i) => (i % 2 === 1 ? code(part) : prose(part))).join('');
}

/** Renders text that a reader copies. */
export function code(text: string): string {
  const inside = oneLine(text);
  const longest = longestFence(inside);
  // Three backticks at the start of a line would begin a block.
  if (longest > 1 || inside.trim() === '') return prose(text);
  return longest === 0 ? `\`${inside}\`` : `\`\` ${inside} \`\``;
}

/** Renders lines literally. */
export function block(lines: readonly string[]): string {
  const shown = lines.map(plainText);
  const fence = '`'.repeat(Math.max(3, longestFence(shown.join('\n')) + 1));
  return [fence, ...shown, fence].join('\n');
}

interface Column {
  readonly title: string;
  readonly rule: ':--' | '--:';
}

export const left = (...titles: string[]): Column[] => titles.map((title) => ({ title, rule: ':--' }));
export const right = (...titles: string[]): Column[] => titles.map((title) => ({ title, rule: '--:' }));

/** The UI has no gap between columns. */
const GAP = '\u00a0\u00a0';

/** A table of cells, each {@link prose} or {@link code}; nothing without rows. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const rules = `|${columns.map(({ rule }) => rule).join('|')}|`;
  return [[row(columns.map(({ title }) => title)), rules, ...rows.map(row)].join('\n')];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell, i) => (i === 0 || cell === '' ? cell : GAP + cell)).join(' | ')} |`;
}

/** A cell whose text must not wrap. */
export function unbroken(text: string): string {
  return prose(text).replaceAll(' ', '\u00a0');
}

function longestFence(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
}
