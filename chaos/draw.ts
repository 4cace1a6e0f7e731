import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Draws by a seed: the same seed and name give the same draws, independent of other draws. */
export interface Draw {
  /** Both bounds included. */
  readonly int: (from: number, to: number) => number;
  readonly chance: (percent: number) => boolean;
  readonly pick: <T>(items: readonly T[]) => T;
  /** An item; weight 2 is drawn twice as often as weight 1. */
  readonly weighted: <T extends { readonly weight: number }>(items: readonly T[]) => T;
}

export function createDraw(seed: number, name: string): Draw {
  const random = xoroshiro128plus(mix(seed, name));
  const int = (from: number, to: number) => uniformInt(random, from, to);
  return {
    int,
    chance: (percent) => int(1, 100) <= percent,
    pick: (items) => items[int(0, items.length - 1)]!,
    weighted(items) {
      let left = int(
        1,
        items.reduce((sum, { weight }) => sum + weight, 0),
      );
      return items.find(({ weight }) => (left -= weight) <= 0)!;
    },
  };
}

/** FNV-1a of the name, because similar seeds and names must not give similar draws. */
function mix(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (const character of `${seed}/${name}`)
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash | 0;
}
