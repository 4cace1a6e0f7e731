import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  maskedTexts,
  maskingSedProgram,
  maskSpans,
  redactPiece,
  secretSpans,
} from '../../src/domain/redact.ts';

/** As a page of a log is masked that was cut nowhere. */
const maskWhole = (text: string, values: readonly string[]) =>
  maskSpans(text, secretSpans(text, maskedTexts(values), { begin: false, end: false }));
/** As the supervisor does it. */
const sed = (program: string, text: string) =>
  execFileSync('sed', [program], { input: text, env: { LC_ALL: 'C', PATH: process.env['PATH'] } }).toString(
    'utf8',
  );

describe('a whole text', () => {
  test.each([
    ['a value', 'login hunter2!', ['hunter2'], 'login ***!'],
    ['every occurrence', 'abcd abcd', ['abcd'], '*** ***'],
    [
      'the longer where one begins with the other',
      'password1 password',
      ['password', 'password1'],
      '*** ***',
    ],
    ['all of two that overlap', 'abcdefgh!', ['abcdef', 'cdefgh'], '***!'],
    ['what overlaps with itself', 'abxabxab-abxab', ['abxab'], '***-***'],
    [
      'the lines of a value, as a terminal shows them',
      'line one\r\nline two',
      ['line one\nline two\n'],
      '***\r\n***',
    ],
    ['characters that mean something to a pattern', 'a.*b$ aXXb$', ['a.*b$'], '*** aXXb$'],
    ['what stands for itself in a replacement', 'pa$$word', ['pa$$word'], '***'],
  ])('masks %s', (_, text, values, expected) => {
    expect(maskWhole(text, values)).toBe(expected);
  });

  it('leaves what is too short: it would hide half of every log', () => {
    expect(maskWhole('abc', ['abc', '', '\n'])).toBe('abc');
    expect(maskedTexts(['abc', ' four \nxyz'])).toEqual(['four \nxyz', 'four']);
  });
});

describe('redactPiece', () => {
  test.each([
    ['begins inside a secret', 'nter2 is it', '*** is it'],
    ['ends inside a secret', 'it is hunt', 'it is ***'],
    ['is a part of a secret', 'nter2', '***'],
    ['holds a whole one', 'ter2 hunter2 hunt', '*** *** ***'],
    ['begins with a broken character', '\ufffd\ufffdplain', 'plain'],
    ["is nobody's secret", 'r2 hun', 'r2 hun'],
    ['is empty', '', ''],
  ])('masks a text that %s', (_, text, expected) => {
    expect(redactPiece(text, ['hunter2'])).toBe(expected);
  });

  it('shows no four characters in a row of a secret, wherever a text is cut', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(100), fc.nat(100), (secret, from, to) => {
        const text = `-- ${secret} == ${secret} --`.slice(from, -1 - to);
        const shown = redactPiece(text, [secret]);
        for (let i = 0; i + 4 <= secret.length; i += 1) expect(shown).not.toContain(secret.slice(i, i + 4));
      }),
    );
  });
});

describe('the sed program', () => {
  it('masks the same, byte for byte, so that offsets stay right', () => {
    // Pieces that mean something to sed, among them parts of one another.
    const piece = fc.constantFrom(
      'a',
      'ab',
      'b',
      '.',
      '*',
      '[',
      ']',
      '^',
      '$',
      '/',
      '\\',
      '&',
      '\\n',
      'ž',
      ' ',
      '{',
      '|',
      '+',
      '(',
      "'",
    );
    const word = fc.array(piece, { minLength: 4, maxLength: 8 }).map((parts) => parts.join(''));
    const texts = fc.tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.array(word, { maxLength: 4 }));
    fc.assert(
      fc.property(texts, ([values, words]) => {
        const text = `${[...words, ...values, ...words].join(' and ')}\nlast line ${values.join('')}\n`;
        const masked = sed(maskingSedProgram(values), text);
        const expected = maskedTexts(values).reduce(
          (rest, secret) => rest.replaceAll(secret, () => '*'.repeat(Buffer.byteLength(secret))),
          text,
        );
        expect(masked).toBe(expected);
        expect(Buffer.byteLength(masked)).toBe(Buffer.byteLength(text));
        for (const secret of maskedTexts(values))
          if (!/^\*+$/.test(secret)) expect(masked).not.toContain(secret);
      }),
      { numRuns: 60 },
    );
  });

  it('masks each line of a value', () => {
    expect(sed(maskingSedProgram(['first line\r\nsecond\n']), 'a first line\r\nsecond line\n')).toBe(
      'a **********\r\n****** line\n',
    );
  });
});
