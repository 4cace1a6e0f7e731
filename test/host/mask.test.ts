import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it, test } from 'vitest';
import { finderOf, maskSpans } from '../../src/domain/secrets/mask.ts';
import { maskProgram } from '../../src/host/launch-body.ts';
import { leaks, makeCanary, PRINT_FORMS } from '../support/canaries.ts';

const CHUNK = '\n\u001echunk\n';
/** The last one where it is installed. */
const AWKS = ['mawk -W interactive', 'busybox awk', 'gawk'].filter(
  (awk) => awk !== 'gawk' || spawnSync(awk, ['1'], { input: '' }).error === undefined,
);
const dir = mkdtempSync(join(tmpdir(), 'chandler-mask-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What the host makes of a text of bytes that comes in these pieces. */
function maskOnHost(awk: string, values: readonly string[], pieces: readonly string[]): string {
  const file = join(dir, 'program');
  writeFileSync(file, maskProgram(values));
  const [program = '', ...args] = awk.split(' ');
  const { status, stdout, stderr } = spawnSync(program, [...args, '-f', file], {
    input: Buffer.from(pieces.map((piece) => piece + CHUNK).join(''), 'latin1'),
    env: { ...process.env, LC_ALL: 'C' },
  });
  expect(status, `awk: ${stderr.toString()}`).toBe(0);
  return stdout.toString('latin1');
}

function maskOnWorker(values: readonly string[], text: string): string {
  return maskSpans(text, finderOf(values).find(text, 4).spans);
}

function printedBy(command: readonly string[], value: string): string {
  const [program = '', ...args] = command;
  const env = { ...process.env, LC_ALL: 'C.UTF-8', v: value };
  const { stdout, stderr } = spawnSync(program, args, { env });
  return `${stdout.toString('latin1')}${stderr.toString('latin1')}`;
}

const PRINTERS: [what: string, ...command: string[]][] = [
  ['every form that bash and coreutils print', 'bash', '-c', `${PRINT_FORMS}\nforms "$v"`],
  [
    'the quotings and the variables of bash',
    'bash',
    '-c',
    'echo "${v@Q}" "${v@A}" "${v@E}"; set; env | cat -v',
  ],
  ['a trace and the variables of dash', 'dash', '-c', 'set -x; : "$v"; export -p; set'],
  ['a trace and the variables of busybox', 'busybox', 'sh', '-c', 'set -x; : "$v"; export -p; set'],
  [
    'a trace and the quotings of zsh',
    'zsh',
    '-fc',
    'set -x; : $v; print -r -- ${(q)v} ${(qq)v} ${(qqq)v} ${(qqqq)v}',
  ],
  ['a trace of zsh in the locale C', 'zsh', '-fc', 'LC_ALL=C; set -x; : $v'],
  [
    'JSON within JSON, HTML and URLs',
    process.execPath,
    '-e',
    `const { v } = process.env;
    console.log(JSON.stringify({ v }), JSON.stringify(JSON.stringify([v])), { v }, encodeURIComponent(v), escape(v));
    console.log(JSON.stringify(v).replace(/[<>&']|[^ -~]/g, (c) => '\\\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')));
    console.log(v.replace(/[<>&'"]|[^ -~]/g, (c) => '&#' + c.charCodeAt(0) + ';'), String(new URLSearchParams({ v })));`,
  ],
];

describe.each(PRINTERS)('D4: a secret in %s', (_, ...command) => {
  const canaries = [makeCanary(), makeCanary()];
  const values = canaries.map(({ value }) => value);
  const text = values.map((value) => printedBy(command, value)).join('');

  it('is in the test text', () => {
    expect(leaks(text, canaries).length).toBeGreaterThanOrEqual(2);
  });
  it('is masked on the worker', () => {
    expect(leaks(maskOnWorker(values, text), canaries)).toEqual([]);
  });
  it.each(AWKS)('is masked on the host by %s, also if it comes in pieces', (awk) => {
    expect(leaks(maskOnHost(awk, values, [text]), canaries)).toEqual([]);
    const pieces = text.match(/[^]{1,23}/g) ?? [];
    expect(leaks(maskOnHost(awk, values, pieces), canaries)).toEqual([]);
  });
});

it('needs no work of the host if all secrets are too short', () => {
  expect(maskProgram(['abc', '', '\n'])).toBe('');
});

describe.each(AWKS)('D5: the mask on the host, by %s,', (awk) => {
  const mask = (values: string[], ...pieces: string[]) => maskOnHost(awk, values, pieces);

  test.each([
    ['a prompt without a line end', ['hunter2-secret'], ['Password: '], 'Password: '],
    ['lines as they are', ['hunter2-secret'], ['one\r\n', 'two\n\n', '\n'], 'one\r\ntwo\n\n\n'],
    ['text around a secret', ['hunter2-secret'], ['it is hunter2-secret!\n'], 'it is ***!\n'],
    ['punctuation at the ends of a secret', ['(hunter2!)'], ['it is (hunter2!)\n'], 'it is ***\n'],
    ['three letters at most of a secret in pieces', ['hunter2'], ['a hun', 'ter2 b\n'], 'a hun*** b\n'],
    ['no more of a longer piece', ['hunter2'], ['a hunt', 'er2 b\n'], 'a *** b\n'],
    ['what only begins like a secret', ['hunter2'], ['a hunt', 'ress\n'], 'a huntress\n'],
    ['no secret that has only begun at the end', ['hunter2'], ['a hunte'], 'a ***'],
    [
      'colours, also in pieces',
      ['hunter2'],
      ['\u001b[1mhunt\u001b[3', '1mer2\u001b[m\n'],
      '\u001b[1m***\u001b[31m***\u001b[m\n',
    ],
    ['a secret that repeats itself', ['abcdefabcdef'], ['abcdefabcdef\r\n', 'q\n'], '***\r\nq\n'],
    [
      'a short secret with its punctuation',
      ["p'w$"],
      [`p'w$ p\\'w\\$ 'p'\\''w$' p%27w%24 pw\n`],
      "*** *** '***' *** pw\n",
    ],
  ])('shows %s', (_, values, pieces, expected) => {
    expect(mask(values, ...pieces)).toBe(expected);
  });

  it('shows the same as the worker, however a text is cut', () => {
    const values = ['alpha-beta-gamma', 'it\'s; a "test"', 'x$y!'];
    const word = fc.constantFrom(
      ...values,
      'alpha',
      '-',
      'beta',
      "it'",
      ' ',
      '\r\n',
      '\u001b[0m',
      "it\\'s; a ",
      'x$y',
      '!',
    );
    const texts = fc.array(
      fc.array(word, { maxLength: 5 }).map((words) => words.join('')),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(texts, (pieces) => {
        // So that nothing is kept back.
        const text = `${pieces.join('')} end.`;
        const shown = mask(values, ...pieces, ' end.');
        for (const value of values) expect(shown).not.toContain(value);
        // Few letters of a beginning may be there that were shown before the rest came.
        if (pieces.length === 1)
          expect(shown.replaceAll(/\*+/g, '*')).toBe(maskOnWorker(values, text).replaceAll(/\*+/g, '*'));
      }),
      { numRuns: 40 },
    );
  });
});
