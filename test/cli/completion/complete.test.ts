import { expect, test } from 'vitest';
import { renderCompletion } from '../../../src/cli/completion/answer-completion.ts';
import { cutForBash, splitLine } from '../../../src/cli/completion/bash-line.ts';
import { complete, type Line } from '../../../src/cli/completion/complete.ts';
import { idleProgram } from '../fake-context.ts';

/** Answers with what was asked for, and what of the line was known. */
const sources = {
  valuesOf: (name: string, { command, given, options }: Line) =>
    Promise.resolve({
      candidates: [
        { value: [`<${name}>`, command.name(), ...given, JSON.stringify(options)].join(' '), about: '' },
      ],
      files: name === 'file',
    }),
};

async function values(...words: string[]): Promise<string[]> {
  const { candidates, files } = await complete(idleProgram(), words, {
    valuesOf: async (...args) => {
      const found = await sources.valuesOf(...args);
      // What is typed would never be a beginning of it.
      return words.at(-1) === '' ? found : { candidates: [], files: found.files };
    },
  });
  return [...candidates.map(({ value }) => value), ...(files ? ['FILES'] : [])];
}

test.each<[string[], string[]]>([
  [['sta'], ['start', 'status']],
  [['re'], ['retry', 'resume']],
  [['help', 'ret'], ['retry']],
  [['-q', 'retr'], ['retry']],
  [
    ['sandbox', ''],
    ['up', 'list', 'down', 'help'],
  ],
  [['sandbox', 'd'], ['down']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['nonsense', ''], []],
  [
    ['status', '--wa'],
    ['--watch', '--wait'],
  ],
  [['status', '--watch', '--wa'], ['--wait']],
  [['status', '--quie'], ['--quiet']],
  [['status', '--he'], ['--help']],
  [
    ['script', '-f', ''],
    ['sh', 'cloud-init', 'rc.local'],
  ],
  [['script', '--format=c'], ['--format=cloud-init']],
  [['script', '--raw=c'], []],
  [
    ['script', '-o', ''],
    ['<file> script {}', 'FILES'],
  ],
  [['script', '--', '--fo'], []],
  [['up', ''], ['<plan> up {}']],
  [['retry', '--address', 'a:1', ''], ['<id> retry {"--address":"a:1"}']],
  [['retry', '--namespace=n', 'run', ''], ['<step> retry run {"--namespace":"n"}']],
  [['retry', 'run', 'step', ''], []],
  [['sandbox', 'down', 'a', ''], ['<name> down a {}']],
])('%j is completed with %j', async (words, expected) => {
  expect(await values(...words)).toEqual(expected);
});

test.each<[string, string[]]>([
  ['chandler status ', ['chandler', 'status', '']],
  ['chandler  st', ['chandler', 'st']],
  ['chandler up "a b" c\\ d', ['chandler', 'up', 'a b', 'c d']],
  [`chandler retry 'x`, ['chandler', 'retry', 'x']],
  ['FOO=1 true && chandler logs a:1:2', ['chandler', 'logs', 'a:1:2']],
  ['', ['']],
])('bash splits the line %j into %j', (line, words) => {
  expect(splitLine(line)).toEqual(words);
});

test.each([
  ['provision:web1:22', 'provision:w', ' :=', 'web1:22'],
  ['provision:web1:22', 'prov', ' :=', 'provision:web1:22'],
  ['--format=sh', '--format=', ' :=', 'sh'],
  ['provision:web1:22', 'provision:w', ' \t\n', 'provision:web1:22'],
])('bash replaces only what follows the last break: %s in %s', (value, typed, breaks, cut) => {
  expect(cutForBash(value, typed, breaks)).toBe(cut);
});

test('hostile ids neither break a line nor become instructions to the scripts', () => {
  const candidates = ['a b', '$(rm -rf /)', 'x\ny', '\u001b[2J', '=files', 'ok:1'].map((value) => ({
    value,
    about: 'two\nlines\tand more',
  }));
  const found = { candidates, files: false };
  expect(renderCompletion(found, 'bash', '', ':=')).toEqual(['a\\ b', '\\$\\(rm\\ -rf\\ /\\)', 'ok:1']);
  expect(renderCompletion(found, 'zsh', '', '')).toEqual([
    'a b\ttwo lines and more',
    '$(rm -rf /)\ttwo lines and more',
    'ok:1\ttwo lines and more',
  ]);
});
