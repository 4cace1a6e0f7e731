import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { finderOf, maskSpans, maskPiece } from '../../../src/domain/secrets/mask.ts';

/** As a page of a log is masked that was cut nowhere. */
const maskWhole = (text: string, values: readonly string[]) => {
  const bytes = Buffer.from(text).toString('latin1');
  const { spans } = finderOf(values).find(bytes, 1);
  return Buffer.from(maskSpans(bytes, spans), 'latin1').toString();
};

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

  it('does not mask short secrets, which would hide half of every log', () => {
    expect(maskWhole('abc', ['abc', '', '\n'])).toBe('abc');
    expect(maskWhole('four xyz', [' four \nxyz'])).toBe('***');
    expect(maskWhole('four, xyz', ['four', 'xyz'])).toBe('***, xyz');
  });
});

describe('maskPiece', () => {
  test.each([
    ['begins inside a secret', 'nter2 is it', '*** is it'],
    ['ends inside a secret', 'it is hunt', 'it is ***'],
    ['is a part of a secret', 'nter2', '***'],
    ['holds a whole one', 'ter2 hunter2 hunt', '*** *** ***'],
    ['begins with a broken character', '\ufffd\ufffdplain', 'plain'],
    ["is nobody's secret", 'r2 hun', 'r2 hun'],
    ['is empty', '', ''],
  ])('masks a text that %s', (_, text, expected) => {
    expect(maskPiece(text, ['hunter2'])).toBe(expected);
  });

  it('never shows four consecutive characters of a secret, wherever a text is cut', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(100), fc.nat(100), (secret, from, to) => {
        const text = `-- ${secret} == ${secret} --`.slice(from, -1 - to);
        const shown = maskPiece(text, [secret]);
        for (let i = 0; i + 4 <= secret.length; i += 1) expect(shown).not.toContain(secret.slice(i, i + 4));
      }),
    );
  });
});
