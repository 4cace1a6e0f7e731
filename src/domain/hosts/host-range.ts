/** More hosts are a mistake in a range. */
export const MAX_HOSTS = 50_000;

/** The names to which a pattern expands, and its port; or the problem of the pattern. */
export type HostNames =
  | { readonly names: readonly string[]; readonly port?: number | undefined; readonly problem?: never }
  | { readonly names?: never; readonly port?: never; readonly problem: string };

const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ');

/** Expands `web[01:10]`, `db-[a:f]`, `web[1:9:2]`, several ranges, and a port: `web1:2222`, `[2001:db8::1]:22`. */
export function expandHostPattern(text: string): HostNames {
  const [, bracketed, host = bracketed, port] =
    /^(?:\[([^\]]+)\]|((?:[^:[\]]|\[[^\]]*\])*)):(\d+)$/.exec(text) ?? [];
  const pattern = host ?? text;
  if (/^[^[\]:]+:$/.test(pattern)) return { problem: `${text}: a port must follow the colon` };
  const expanded = expandRanges(pattern);
  if (typeof expanded === 'string') return { problem: `${text}: ${expanded}` };
  return { names: expanded, ...(port !== undefined && { port: Number(port) }) };
}

/** Returns the names, or the problem. */
function expandRanges(pattern: string): readonly string[] | string {
  const [, head = '', range, tail = ''] = /^([^[\]]*)\[([^[\]]*)\](.*)$/s.exec(pattern) ?? [];
  if (range === undefined)
    return /[[\]]/.test(pattern) ? 'a range must be closed, and must not hold another one' : [pattern];
  const items = expandRange(range);
  if (typeof items === 'string') return items;
  const tails = expandRanges(tail);
  if (typeof tails === 'string') return tails;
  if (items.length * tails.length > MAX_HOSTS) return `names more than ${MAX_HOSTS} hosts`;
  return items.flatMap((item) => tails.map((rest) => head + item + rest));
}

function expandRange(range: string): readonly string[] | string {
  const [begin = '', end, step = '1', ...more] = range.split(':');
  if (end === undefined || more.length > 0) return `a range must be [BEGIN:END] or [BEGIN:END:STEP]`;
  if (!/^[1-9]\d*$/.test(step)) return `the step of a range must be a positive number`;
  if (/^[A-Za-z]$/.test(begin) && /^[A-Za-z]$/.test(end)) {
    const [first, last] = [LETTERS.indexOf(begin), LETTERS.indexOf(end)];
    if (first > last) return `a range must not begin after its end`;
    return LETTERS.slice(first, last + 1).filter((_, i) => i % Number(step) === 0);
  }
  const start = begin === '' ? '0' : begin;
  if (!/^\d{1,9}$/.test(start) || !/^\d{1,9}$/.test(end))
    return `a range must be between two numbers or two letters`;
  const width = start.startsWith('0') && start.length > 1 ? start.length : 0;
  if (width > 0 && width !== end.length)
    return `begin and end of a range with leading zeros must be equally long`;
  const count = Math.floor((Number(end) - Number(start)) / Number(step)) + 1;
  if (count < 1) return `a range must not begin after its end`;
  if (count > MAX_HOSTS) return `names more than ${MAX_HOSTS} hosts`;
  return Array.from({ length: count }, (_, i) =>
    String(Number(start) + i * Number(step)).padStart(width, '0'),
  );
}
