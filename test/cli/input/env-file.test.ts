import { parseEnv } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseEnvFile } from '../../../src/cli/input/env-file.ts';

/** What the file sets, or the problems by line. */
function read(text: string): Record<string, string> | string[] {
  const entries = parseEnvFile(text);
  const problems = entries.flatMap(({ line, problem }) =>
    problem === undefined ? [] : [`${line}: ${problem}`],
  );
  if (problems.length > 0) return problems;
  return Object.fromEntries(
    entries.flatMap((entry) => (entry.problem === undefined ? [[entry.name, entry.value]] : [])),
  );
}

const good: readonly (readonly [what: string, text: string, values: Record<string, string>])[] = [
  ['nothing', '', {}],
  ['comments and empty lines', '# A=1\n\n   \n  # x', {}],
  ['a value', 'A=1', { A: '1' }],
  ['the last of several values', 'A=1\nA=2\n', { A: '2' }],
  ['an empty value', 'A=\nB=""\n', { A: '', B: '' }],
  ['white space around', '  A = 1 2  \n', { A: '1 2' }],
  ['export', 'export A=1', { A: '1' }],
  ['a comment after a value', "A=1 # one\nB='2' # two\nC= # none", { A: '1', B: '2', C: '' }],
  ['CR LF and a byte order mark', '\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['an equals sign', 'A=b=c', { A: 'b=c' }],
  ['quotes inside of a value', `A=it's`, { A: "it's" }],
  ['a # in quotes', `A="x # y"`, { A: 'x # y' }],
  ['several lines in quotes', `A="x\ny"\nB=2`, { A: 'x\ny', B: '2' }],
  ['a line end in double quotes', String.raw`A="x\ny"`, { A: 'x\ny' }],
  ['no line end in single quotes', String.raw`A='x\ny'`, { A: String.raw`x\ny` }],
  [
    'what a shell would expand',
    'A=$(reboot)${B}$B\nC="`reboot` $B"',
    { A: '$(reboot)${B}$B', C: '`reboot` $B' },
  ],
];

describe('an env file', () => {
  test.each(good)('may have %s', (_, text, values) => {
    expect(read(text)).toEqual(values);
  });

  test.each<[what: string, text: string, ...problems: string[]]>([
    ['a line without =', 'A=1\nB\n', '2: must be NAME=VALUE'],
    ['no name', '=1', '1: must be NAME=VALUE'],
    ['a name in quotes', '"A"=1', '1: must be NAME=VALUE'],
    ['another notation', 'A: 1', '1: must be NAME=VALUE'],
    ['an open quote', 'A="x\nB=1\n', '1: the value of A must end with the " that closes it'],
    [
      'text after a quote',
      `A='x'y\nB`,
      "1: the value of A must end with the ' that closes it",
      '2: must be NAME=VALUE',
    ],
    ['a # in a word', 'A=x#y', '1: the value of A must be in quotes, because # may begin a comment'],
  ])('must not have %s', (_, text, ...problems) => {
    expect(read(text)).toEqual(problems);
  });

  it.each(good.filter(([what]) => !what.startsWith('CR LF')))(
    'with %s is read as by Node',
    (_, text, values) => {
      expect({ ...parseEnv(text) }).toEqual(values);
    },
  );

  it.each(["'", '`'])('returns every value as it is in %s', (quote) => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        fc.pre(!/[\r'`]/.test(a + b));
        expect(read(`A=${quote}${a}${quote}\nexport B=${quote}${b}${quote} # ${quote}`)).toEqual({
          A: a,
          B: b,
        });
      }),
    );
  });

  it('never throws, and reports each line at most once', () => {
    const piece = fc.constantFrom('A', '=', ' ', '\n', '\r', '#', '"', "'", '`', '\\n', 'export ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const lines = parseEnvFile(pieces.join('')).map(({ line }) => line);
        expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b));
      }),
    );
  });
});
