import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
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

  it('takes no memory for chunks that it does not keep', () => {
    const outputs = [new BoundedOutput(0), new BoundedOutput(2)];
    const chunk = Buffer.from('abc');
    for (const output of outputs) output.push(chunk);
    const concat = vi.spyOn(Buffer, 'concat');
    for (const output of outputs) {
      for (let i = 0; i < 1000; i += 1) output.push(chunk);
      output.text();
    }
    expect(concat.mock.calls.every(([buffers]) => buffers.length <= 2)).toBe(true);
    concat.mockRestore();
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
