import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, raw, render, renderMasked, secret, sh } from '../../src/shell/index.ts';

const SHELLS: [string, string[]][] = [
  ['dash', []],
  ['bash', ['--posix']],
  ['busybox', ['ash']],
  ['zsh', ['-f']],
];
/** Login shells that are not POSIX shells. csh accepts no line end inside a word. */
const OTHERS: [string, string[], string][] = [
  ['fish', ['--no-config'], '\n'],
  ['tcsh', ['-f'], ''],
];

describe('a command', () => {
  it('quotes every word but raw ones, and shows no secret', () => {
    const command = sh('login', '--user', "o'brien", secret('pass word'), raw('</dev/null'));
    expect(render(command)).toBe(`login --user 'o'\\''brien' 'pass word' </dev/null`);
    expect(renderMasked(command)).toBe(`login --user 'o'\\''brien' *** </dev/null`);
  });

  it('refuses a NUL byte, which no argument of a process can hold', () => {
    expect(() => quote('a\0b')).toThrow(TypeError);
  });

  it.each(SHELLS)('is taken literally by %s, whatever its words hold', (shell, options) => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom('', '-n', '~', '*', '$HOME', '\n'),
    );
    const words = fc.array(
      word.map((text) => text.replaceAll('\0', '')),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(words, (list) => {
        const line = render(sh('printf', '%s\\n\\001', ...list));
        const printed = execFileSync(shell, [...options, '-c', line]).toString('utf8');
        // Node replaces lone surrogates, which UTF-8 cannot encode.
        expect(printed).toBe(list.map((text) => `${text.toWellFormed()}\n\u0001`).join(''));
      }),
      { numRuns: 60 },
    );
  });

  it.each(OTHERS)('login-shell-%s: is taken literally, whatever its words hold', (shell, options, more) => {
    const characters = Array.from({ length: 95 }, (_, i) => String.fromCodePoint(32 + i));
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom(...characters, '\t', ...more) }),
      fc.string({ unit: fc.constantFrom('!', '\\', "'", '"', '$', ' ', 'a') }),
      fc.constantFrom('', '-n', '~', '*', '$HOME', '!!', '%self', '=ls', '@', '\\\\', "\\'", '!'),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (list) => {
        const line = render(sh('/usr/bin/printf', '%s\\n\\001', ...list));
        const printed = execFileSync(shell, [...options, '-c', line]).toString('utf8');
        expect(printed).toBe(list.map((text) => `${text}\n\u0001`).join(''));
      }),
      { numRuns: 60 },
    );
  });
});
