import { describe, expect, test } from 'vitest';
import { cut, pad, widthOf, wrap, wrapIndented, wrapWords } from '../../../src/cli/output/text.ts';

describe('widthOf', () => {
  test.each([
    ['', 0],
    ['plain', 5],
    ['日本', 4],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['❤\ufe0f', 2],
    ['❤', 1],
    ['1\ufe0f', 1],
    ['1\ufe0f\u20e3', 2],
    ['⛹\u200d♂', 2],
    ['🏽', 2],
    ['한글', 4],
    ['\u1112\u1161\u11ab', 2],
    ['ｶﾞ', 2],
    ['नि', 2],
    ['é\u00ad', 1],
    ['▶⏸✔✘·↻', 6],
    ['\u001b[31mred\u001b[39m', 3],
    ['\u200b', 0],
  ])('%s takes %i columns', (text, columns) => expect(widthOf(text)).toBe(columns));
});

describe('cut', () => {
  test.each([
    ['short', 5, 'short'],
    ['longer', 5, 'long…'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['日本語', 1, '…'],
    ['a', 0, ''],
    ['日', 1, '…'],
    ['x', Infinity, 'x'],
    ['日', Infinity, '日'],
    ['', 0, ''],
  ])('%s in %d columns is %s', (text, columns, expected) => expect(cut(text, columns)).toBe(expected));

  test('is quick with an endless text, and with one of zero width', () => {
    expect(cut('語'.repeat(5_000_000), 5)).toBe('語語…');
    expect(cut(`a${'\u0301'.repeat(100_000)}b`, 5).length).toBeLessThan(40);
    expect(cut('\u2060'.repeat(1000), 5)).toBe('');
  });
});

test('pad fills up what wide characters leave', () => {
  expect([pad('日本', 6), pad('ab', 4), pad('abcdef', 4)]).toEqual(['日本  ', 'ab  ', 'abcdef']);
});

test.each([
  ['', 4, ['']],
  ['abcdef', 4, ['abcd', 'ef']],
  ['日本語', 5, ['日本', '語']],
  ['日本', 1, ['日', '本']],
])('%s is wrapped at %i', (text, columns, rows) => expect(wrap(text, columns)).toEqual(rows));

test.each([
  ['', 4, ['']],
  ['one two three', 7, ['one two', 'three']],
  ['one  two', 8, ['one  two']],
  ['a verylongword b', 6, ['a', 'verylo', 'ngword', 'b']],
  ['日本 語日 本', 5, ['日本', '語日', '本']],
  ['one two', Infinity, ['one two']],
  ['ab', 0, ['a', 'b']],
])('the words of %j are wrapped at %d', (text, columns, rows) =>
  expect(wrapWords(text, columns)).toEqual(rows),
);

test('rows after the first are indented where there is room for that', () => {
  expect(wrapIndented('one two three four five six', 20, '  ')).toEqual(['one two three four', '  five six']);
  expect(wrapIndented('one two', 4, '  ')).toEqual(['one', 'two']);
});
