import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { createPlainText, plainText } from '../../../src/domain/text/plain-text.ts';

/** What sequences are made of, whole and broken. */
const piece = fc.oneof(
  fc.constantFrom(
    '\u001b',
    '[',
    ']',
    '\\',
    '\u0007',
    '\u009b',
    '\u009c',
    '\u0090',
    '0',
    ';',
    'm',
    'P',
    '\r',
    '\n',
    '\t',
    '\u202e',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
);

describe('plainText', () => {
  test.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a title', '\u001b]0;owned\u0007text', 'text'],
    ['a title that ends the other way', '\u001b]0;owned\u001b\\text', 'text'],
    ['the clipboard', 'a\u001b]52;c;cm0gLXJmIC8=\u0007b', 'ab'],
    ['a link', '\u001b]8;;http://evil\u001b\\here\u001b]8;;\u001b\\', 'here'],
    ['a device control string', 'a\u001bPq#0\u001b\\b', 'ab'],
    ['C1 controls', '\u009b31mred\u009d0;t\u009cx\u0085', 'redx'],
    ['cursor moves and a cleared screen', '\u001b[2J\u001b[Hhi', 'hi'],
    ['a private mode', '\u001b[?25lhi\u001b[?25h', 'hi'],
    ['a character set', '\u001b(Bhi', 'hi'],
    ['text turned round', 'abc\u202etxt.exe\u2066x\u061c', 'abctxt.exex'],
    ['an unfinished sequence', 'hi\u001b[12;', 'hi'],
    ['an unfinished title', 'hi\u001b]0;tit', 'hi'],
    ['a lone escape', 'hi\u001b', 'hi'],
    ['a sequence inside a sequence, as a terminal reads it', '\u001b\u001b[31m[31mx', '[31mx'],
    ['a title that never ends, up to the end of the line', '\u001b]0;tit\nhi', '\nhi'],
    ['bells, backspaces and NULs', 'a\u0007\b\0b\u007f', 'ab'],
  ])('drops %s', (_, text, expected) => {
    expect(plainText(text)).toBe(expected);
  });

  it('keeps lines, tabs and letters of all scripts', () => {
    expect(plainText('a\tb\r\nžluťoučký 🐎\n')).toBe('a\tb\nžluťoučký 🐎\n');
  });

  it('drops every control character except line end and tab, and is idempotent', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const shown = plainText(pieces.join(''));
        expect(shown).not.toMatch(/[^\P{Cc}\n\t]/u);
        expect(shown).not.toMatch(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
        expect(plainText(shown)).toBe(shown);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a text in pieces', () => {
  it('gives the same result as the whole text, wherever it is split', () => {
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 6 }), { maxLength: 6 }), (pieces) => {
        const show = createPlainText();
        const texts = pieces.map((parts) => parts.join(''));
        expect(texts.map(show).join('')).toBe(plainText(texts.join('')));
      }),
      { numRuns: 500 },
    );
  });

  it('needs no memory for an endless sequence', () => {
    const show = createPlainText();
    const begin = process.cpuUsage();
    expect(show('a\u001b]52;c;')).toBe('a');
    for (let i = 0; i < 10_000; i += 1) expect(show('A'.repeat(1000))).toBe('');
    expect(show('\u0007b')).toBe('b');
    // Kept whole, it would be read again with every piece: fifty thousand million characters.
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(5);
  });
});
