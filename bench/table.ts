import { quantile } from '../chaos/quantile.ts';

/** The median; NaN without values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** A Markdown table: the first column is text, the others are numbers. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Milliseconds with three significant digits; an en dash for a value that was not measured. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  return `${ms >= 100 ? Math.round(ms).toLocaleString('en-US') : Number(ms.toPrecision(3))} ms`;
}

/** Seconds with two significant digits, three from 10 s. */
export function formatS(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const s = ms / 1000;
  return `${Number(s.toPrecision(s >= 10 ? 3 : 2))} s`;
}

export function formatCount(count: number): string {
  return Number.isFinite(count) ? Math.round(count).toLocaleString('en-US') : '–';
}
