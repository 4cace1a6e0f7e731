import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, raw, render, renderMasked, secret, sh } from '../../src/shell/index.ts';

const SHELLS: [string, string[]][] = [
  ['dash', []],
  ['bash', ['--posix']],
  ['busybox', ['ash']],
];

describe('a command', () => {
  it('quotes every word but raw ones, and shows no secret', () => {
    const command = sh('login', '--user', "o'brien", secret('pass word'), raw('</dev/null'));
    expect(render(command)).toBe(`login --user 'o'\\''brien' 'pass word' </dev/null`);
    expect(renderMasked(command)).toBe(`login --user 'o'\\''brien' *** </dev/null`);
  });

  it('refuses a NUL byte, which no process can be given', () => {
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
        const said = execFileSync(shell, [...options, '-c', line]).toString('utf8');
        // Lone surrogates cannot be sent as UTF-8; Node replaces them, for the shell and for us.
        expect(said).toBe(list.map((text) => `${text.toWellFormed()}\n\u0001`).join(''));
      }),
      { numRuns: 60 },
    );
  });
});
