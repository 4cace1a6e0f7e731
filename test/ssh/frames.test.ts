import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, parseAnswer } from '../../src/ssh/frames.ts';

const TOKEN = '0123456789abcdef';
const frame = (body: string, token = TOKEN) =>
  `chandler:${token}:${Buffer.byteLength(body)}:${body}:${token}\n`;

/** Feeds bytes in chunks that cycle through the given sizes. */
function read(bytes: Buffer, sizes: readonly number[] = [bytes.length]) {
  const reader = new FrameReader(TOKEN);
  const bodies: string[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    bodies.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return { bodies, damaged: reader.damaged, printed: reader.printed };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
/** Output of logins, including echoed command lines, old answers and parts of frames. */
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '\u001b]0;title\u0007',
      'Last login: today\n',
      `+ sh host-abc ${TOKEN} /var/lib/chandler state x\n`,
      'chandler:',
      `chandler:${TOKEN}`,
      frame('state=exited code=0', 'feedfeedfeedfeed'),
      'chandler: state=exited code=0\n',
      '',
    )
    .map((text) => Buffer.from(text)),
);
const body = fc.oneof(
  fc.constantFrom('end', 'state=exited code=0 at=1', 'log size=3 body=YWJj\nYWJj', ''),
  fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !text.includes('\ufffd')),
);

describe('FrameReader', () => {
  it('A1: finds an answer right after output without a line end', () => {
    expect(read(Buffer.from(`\u001b]0;t\u0007${frame('arch=x86_64')}`)).bodies).toEqual(['arch=x86_64']);
  });

  it('finds every answer in order, whatever is printed around it and however the stream is split', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, body), { maxLength: 6 }), noise, sizes, (parts, after, sizes) => {
        const bytes = Buffer.concat([
          ...parts.flatMap(([before, text]) => [before, Buffer.from(frame(text))]),
          after,
        ]);
        const found = read(bytes, sizes);
        expect(found.bodies).toEqual(parts.map(([, text]) => text));
        expect(found.damaged).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('never returns an answer that contains other output', () => {
    const foreign = noise.filter((bytes) => bytes.length > 0 && !bytes.includes(TOKEN));
    fc.assert(
      fc.property(body, fc.nat(), foreign, sizes, (text, at, foreign, sizes) => {
        const whole = Buffer.from(frame(text));
        const head = `chandler:${TOKEN}:`.length;
        const cut = head + 1 + (at % (whole.length - head - 2));
        const bytes = Buffer.concat([whole.subarray(0, cut), foreign, whole.subarray(cut)]);
        // Inserted bytes that repeat the following ones leave the answer intact.
        fc.pre(!bytes.subarray(0, whole.length - 1).equals(whole.subarray(0, -1)));
        expect(read(bytes, sizes).bodies).toEqual([]);
        const more = read(Buffer.concat([bytes, Buffer.from(frame('after=1'))]), sizes).bodies;
        expect(more.filter((found) => found !== 'after=1')).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('accepts no answer from output without the token', () => {
    fc.assert(
      fc.property(fc.array(noise), sizes, (parts, sizes) => {
        expect(read(Buffer.concat(parts), sizes).bodies).toEqual([]);
      }),
    );
  });

  it('returns no part of a truncated answer', () => {
    const whole = Buffer.from(frame('state=exited code=0'));
    for (let end = 0; end < whole.length - 1; end += 1)
      expect(read(whole.subarray(0, end), [3]).bodies).toEqual([]);
  });

  it.each([`chandler:${TOKEN}:999999999:x`, `chandler:${TOKEN}:-1:x`, `chandler:${TOKEN}:1e3:`])(
    'does not wait for more bytes after the invalid length of %s',
    (text) => {
      expect(read(Buffer.from(text + frame('end')), [7])).toMatchObject({ bodies: ['end'], damaged: true });
    },
  );

  it('keeps only the start and end of 3 MB of other output, and finds the answer after it', () => {
    const bytes = Buffer.from(`first\n${'hello\n'.repeat(500_000)}last\n${frame('end')}`);
    const { bodies, printed } = read(bytes, [32 * 1024]);
    expect(bodies).toEqual(['end']);
    expect(printed.length).toBeLessThan(10_000);
    expect(printed).toMatch(/^first\nhello\n[^]*hello\nlast\n$/);
  });
});

describe('parseAnswer', () => {
  it('reads words, and rejects an answer that repeats a key', () => {
    expect(parseAnswer('state=exited end text=a=b')).toEqual({ state: 'exited', end: '', text: 'a=b' });
    expect(parseAnswer('state=exited code=0 code=3')).toBeUndefined();
  });
});
