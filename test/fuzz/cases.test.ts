import { assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawCase, homeFiles, keyOptions, shells, sshdBlock } from '../../fuzz/cases.ts';
import { kinds } from '../../fuzz/kinds.ts';

describe('drawCase', () => {
  it('draws the same cases from a seed in whatever order they are drawn', () =>
    assert(
      property(nat({ max: 1_000_000 }), nat({ max: 500 }), (seed, index) => {
        const drawn = drawCase(seed, index);
        drawCase(seed, index + 1);
        expect(drawCase(seed, index)).toEqual(drawn);
      }),
    ));

  it('draws every shell, and every kind at each of its places, within two thousand cases', () => {
    const cases = Array.from({ length: 2000 }, (_, index) => drawCase(1, index));
    expect(new Set(cases.map(({ shell }) => shell))).toEqual(new Set(shells));
    const drawn = new Set(
      cases.flatMap(({ fragments }) => fragments.map(({ kind, place }) => `${kind.name} (${place})`)),
    );
    for (const { name, places } of kinds)
      for (const place of places) expect(drawn).toContain(`${name} (${place})`);
  });

  it('gives each case at least one file, directive or key option beyond an empty login', () => {
    for (let index = 0; index < 500; index += 1) {
      const login = drawCase(2, index);
      expect(homeFiles(login).size + sshdBlock(login).length + keyOptions(login).length).toBeGreaterThan(0);
    }
  });
});
