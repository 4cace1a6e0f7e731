import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirm } from '../../../src/cli/input/confirm.ts';
import { fakeContext } from '../fake-context.ts';

test.each([
  ['y\n', true],
  ['Yes\r\n', true],
  ['no\n', false],
  ['\n', false],
  ['', false],
  ['n\ny\n', false],
])('the answer %j counts as %s', async (answer, yes) => {
  const stdin = new PassThrough();
  const context = fakeContext();
  stdin.end(answer);
  expect(await confirm({ ...context, stdin, verbosity: 'normal' }, 'End 3 runs?')).toBe(yes);
  expect(context.output()).toBe('End 3 runs? [y/N] ');
});
