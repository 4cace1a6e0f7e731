import type { Inventory } from './inventory.ts';
import { ALL, UNGROUPED } from './inventory.ts';

/** The hosts that a pattern selects, and the parts of it that match nothing; or the problem of the pattern. */
export type Limited =
  | { readonly names: readonly string[]; readonly unmatched: readonly string[]; readonly problem?: never }
  | { readonly names?: never; readonly unmatched?: never; readonly problem: string };

type Inventoried = Pick<Inventory, 'groups' | 'hostNames' | 'hostsOf'>;

/**
 * Selects hosts by a pattern of Ansible: names of hosts and groups, globs, `~` and a regular expression, an index or a range of a
 * group, `&` for both, `!` for all but, with `,` or `:` between them.
 */
export function limitHosts(inventory: Inventoried, pattern: string): Limited {
  const parts = splitPattern(pattern);
  const plain = parts.filter((part) => !/^[&!]/.test(part));
  const ordered = [
    ...(plain.length === 0 ? [ALL] : plain),
    ...parts.filter((part) => part.startsWith('&')),
    ...parts.filter((part) => part.startsWith('!')),
  ];
  if (parts.length === 0) return { problem: 'the pattern is empty' };
  let chosen: string[] = [];
  const unmatched: string[] = [];
  for (const part of ordered) {
    const [, operator = '', expression = ''] = /^([&!]?)(.*)$/s.exec(part) ?? [];
    const found = matchesOf(inventory, expression);
    if (typeof found === 'string') return { problem: found };
    if (found.length === 0) unmatched.push(part);
    const set = new Set(found);
    if (operator === '&') chosen = chosen.filter((name) => set.has(name));
    else if (operator === '!') chosen = chosen.filter((name) => !set.has(name));
    else chosen = [...new Set([...chosen, ...found])];
  }
  return { names: chosen, unmatched };
}

/** A colon may also be in brackets, or in an IPv6 address. */
function splitPattern(pattern: string): string[] {
  const parts = pattern.includes(',')
    ? pattern.split(',')
    : isIpv6(pattern)
      ? [pattern]
      : (pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? []);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function isIpv6(text: string): boolean {
  return (
    /^[&!]?[0-9a-f:.]+$/i.test(text) &&
    (text.match(/:/g) ?? []).length > 1 &&
    /::|(?:[0-9a-f]+:){7}/i.test(text)
  );
}

/** Returns names, or the problem. */
function matchesOf(inventory: Inventoried, expression: string): readonly string[] | string {
  if (expression === '') return 'a part of the pattern is empty';
  if (expression.startsWith('@')) return `${expression}: files of host names are not read`;
  if (inventory.hostNames.includes(expression)) return [expression];
  const [, base = expression, index, from, to] =
    (expression.startsWith('~') ? undefined : /^(.+)\[(?:(-?\d+)|(\d+):(\d*))\]$/s.exec(expression)) ?? [];
  const matches = matcherOf(base);
  if (typeof matches === 'string') return matches;
  const found = namesLike(inventory, base, matches);
  if (index !== undefined) return found.slice(...indexRange(Number(index)));
  if (from !== undefined) return found.slice(Number(from), to === '' ? undefined : Number(to) + 1);
  return found;
}

function indexRange(index: number): [number, number | undefined] {
  return [index, index === -1 ? undefined : index + 1];
}

/** Hosts of the groups with such a name; hosts with such a name, if no group has it or the name is a pattern. */
function namesLike(inventory: Inventoried, base: string, matches: (name: string) => boolean): string[] {
  const groups = [...inventory.groups.keys()].filter(
    (name) => matches(name) && (base === name || (name !== ALL && name !== UNGROUPED)),
  );
  const ofGroups = groups.flatMap((group) => inventory.hostsOf(group));
  const isPattern = base.startsWith('~') || /[.?*[]/.test(base);
  const byName = groups.length === 0 || isPattern ? inventory.hostNames.filter(matches) : [];
  return [...new Set([...ofGroups, ...byName])];
}

/** Returns a test for names, or the problem. */
function matcherOf(base: string): ((name: string) => boolean) | string {
  try {
    const regex = base.startsWith('~') ? new RegExp(`^(?:${base.slice(1)})`, 'u') : globRegex(base);
    return (name) => regex.test(name);
  } catch {
    return `${base}: not a regular expression`;
  }
}

function globRegex(glob: string): RegExp {
  const source = glob.replaceAll(
    /\[(!?)([^\]]+)\]|[^]/g,
    (char, not: string | undefined, set: string | undefined) => {
      if (set !== undefined) return `[${not ? '^' : ''}${set.replaceAll(/[\\^[]/g, '\\$&')}]`;
      if (char === '*') return '.*';
      if (char === '?') return '.';
      return char.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    },
  );
  return new RegExp(`^${source}$`, 's');
}
