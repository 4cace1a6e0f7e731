import { oneLine, plainText } from './terminal.ts';

// The Temporal UI renders Markdown with gomarkdown, which is not CommonMark, and cleans nothing of what comes out. What is
// here means the same to both.

/** Text of a host, a plan or a person as prose, or as a cell: it is shown as it is, whatever it looks like. */
export function prose(text: string): string {
  return (
    oneLine(text)
      .replaceAll(/[\\`*_[\]<>|&~$^]/g, '\\$&')
      // What would begin a heading, a list or an attribute.
      .replace(/^( ?)([#+{-])/, '$1\\$2')
      .replace(/^( ?\d+)([.)])(?=\s|$)/, '$1\\$2')
      // An address would become a link, and two dashes become one.
      .replaceAll(/:(?=\/\/)|(?<=mailto):|(?<!\\)-(?=-)|(?<=-)-/gi, '\\$&')
  );
}

/** Advice: prose, in which what is between backticks is to be typed. */
export function advice(text: string): string {
  const parts = oneLine(text).split('`');
  // Of an odd number of backticks nobody knows what they enclose.
  if (parts.length % 2 === 0) return prose(text);
  return parts.map((part, i) => (i % 2 === 1 ? code(part) : prose(part))).join('');
}

/** What is to be copied. */
export function code(text: string): string {
  const inside = oneLine(text);
  const longest = longestFence(inside);
  // At the start of a line three backticks would begin a block.
  if (longest > 1 || inside.trim() === '') return prose(text);
  return longest === 0 ? `\`${inside}\`` : `\`\` ${inside} \`\``;
}

/** Lines as they are. */
export function block(lines: readonly string[]): string {
  const shown = lines.map(plainText);
  const fence = '`'.repeat(Math.max(3, longestFence(shown.join('\n')) + 1));
  return [fence, ...shown, fence].join('\n');
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const RULES = { left: ':--', right: '--:' } as const;
/** The UI leaves no room between two columns. */
const GAP = '\u00a0\u00a0';

/** A table of cells, each {@link prose} or {@link code}. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  return [
    row(columns.map(({ title }) => title)),
    `|${columns.map(({ align }) => RULES[align]).join('|')}|`,
    ...rows.map(row),
  ].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell, i) => (i === 0 || cell === '' ? cell : GAP + cell)).join(' | ')} |`;
}

/** A cell that is not to be broken into lines. */
export function unbroken(text: string): string {
  return prose(text).replaceAll(' ', '\u00a0');
}

function longestFence(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
}
