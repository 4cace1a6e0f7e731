import { describe, expect, it } from 'vitest';
import { whyWrong } from '../../bench/work.ts';

const good: Readonly<Record<string, string>> = {
  a: 'a\n',
  b: 'b\n',
  c: 'c\n',
  done: 'a\nb\nc\n',
  sentinel: 'ok',
};
const check = (changes: Record<string, string | undefined> = {}, runs = 1) =>
  whyWrong((name) => ({ ...good, ...changes })[name], runs);

describe('the check of the work on a host', () => {
  it('accepts work that ran once', () => {
    expect(check()).toBeUndefined();
  });

  it('accepts work that ran again after the first time', () => {
    const done = 'a\nb\nc\na\na\nb\nb\nc\nc\n';
    expect(check({ a: 'a\na\n', b: 'b\nb\n', c: 'c\nc\n', done }, 2)).toBeUndefined();
  });

  it.each([
    ['a step that ran twice', { b: 'b\nb\n' }],
    ['a step that did not run', { c: undefined }],
    ['a finalizer that ran before a step', { done: 'a\nb\n' }],
    ['a missing sentinel', { sentinel: undefined }],
  ])('finds %s', (_, changes) => {
    expect(check(changes)).toBeDefined();
  });
});
