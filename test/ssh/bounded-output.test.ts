import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedOutput } from '../../src/ssh/bounded-output.ts';

const GAP = '\n…\n';

function kept(maxBytes: number, ...parts: string[]): string {
  const output = new BoundedOutput(maxBytes);
  for (const part of parts) output.push(Buffer.from(part));
  return output.text();
}

describe('BoundedOutput', () => {
  it('keeps the first and the last bytes', () => {
    expect(kept(5, 'abc', 'def', 'ghi')).toBe(`ab${GAP}ghi`);
    expect(kept(4, 'abcdefghi')).toBe(`ab${GAP}hi`);
  });

  it('drops characters that the limit cuts in two', () => {
    expect(kept(4, 'a€—b€z')).toBe(`a${GAP}z`);
  });

  it('joins a character split over chunks', () => {
    const output = new BoundedOutput(100);
    for (const byte of Buffer.from('€')) output.push(Buffer.from([byte]));
    expect(output.text()).toBe('€');
  });

  it('is exact at the limit', () => {
    expect(kept(3, '€')).toBe('€');
  });

  it('keeps the same text however the stream is split into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 })),
        fc.nat(20),
        (parts, max) => {
          const text = parts.join('');
          const half = Math.floor(max / 2);
          const expected =
            text.length <= max ? text : text.slice(0, half) + GAP + text.slice(text.length - (max - half));
          expect(kept(max, ...parts)).toBe(expected);
        },
      ),
    );
  });
});
