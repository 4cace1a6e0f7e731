import { amountOf } from './amount.ts';
import type { FleetHost, FleetInput } from './schema.ts';

/** A wave: indexes of hosts, in the order in which they start. */
export type Wave = readonly number[];

/** The hosts of a fleet, in their order. `seed` decides a shuffle. */
export function orderHosts(
  hosts: readonly Pick<FleetHost, 'name'>[],
  order: FleetInput['order'],
  seed: number,
): number[] {
  const indexes = hosts.map((_, index) => index);
  switch (order) {
    case 'reverse':
      return indexes.toReversed();
    case 'sorted':
      return indexes.sort((a, b) => compareNames(hosts[a]?.name ?? '', hosts[b]?.name ?? ''));
    case 'shuffle':
      return shuffle(indexes, seed);
    default:
      return indexes;
  }
}

/** `web2` comes before `web10`. Independent of the locale of the worker, because workers must agree. */
function compareNames(a: string, b: string): number {
  const as = partsOf(a);
  const bs = partsOf(b);
  for (let i = 0; i < Math.min(as.length, bs.length); i += 1) {
    const [x = '', y = ''] = [as[i], bs[i]];
    if (x === y) continue;
    const difference = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : 0;
    return difference === 0 ? (x < y ? -1 : 1) : difference;
  }
  return as.length - bs.length;
}

function partsOf(name: string): readonly string[] {
  return name.match(/\d+|\D+/g) ?? [];
}

/** Fisher-Yates with mulberry32. */
function shuffle(items: number[], seed: number): number[] {
  let state = seed >>> 0;
  const draw = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = Math.floor(draw() * (i + 1));
    [items[i], items[j]] = [items[j] ?? 0, items[i] ?? 0];
  }
  return items;
}

/** Divides ordered hosts into waves. Every host is in one, and no wave is empty. */
export function splitWaves(
  hosts: readonly Pick<FleetHost, 'labels'>[],
  order: readonly number[],
  waves: FleetInput['waves'],
): Wave[] {
  if (waves === undefined) return [order];
  if (!Array.isArray(waves)) return byLabel(hosts, order, waves.label);
  const found: Wave[] = [];
  for (let start = 0; start < order.length;) {
    const size = waves[Math.min(found.length, waves.length - 1)] ?? 1;
    const end = start + Math.max(1, amountOf(size, order.length));
    found.push(order.slice(start, end));
    start = end;
  }
  return found;
}

/** A wave of each value of a label, the smallest first; the hosts without the label come last. */
function byLabel(
  hosts: readonly Pick<FleetHost, 'labels'>[],
  order: readonly number[],
  label: string,
): Wave[] {
  const groups = new Map<string | undefined, number[]>();
  for (const index of order) {
    const value = hosts[index]?.labels?.[label];
    const group = groups.get(value);
    if (group) group.push(index);
    else groups.set(value, [index]);
  }
  return [...groups]
    .sort(([a, as], [b, bs]) => {
      if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
      return as.length - bs.length || compareNames(a, b);
    })
    .map(([, wave]) => wave);
}
