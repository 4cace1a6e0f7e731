import { describe, expect, test } from 'vitest';
import { splitLine } from '../../src/cli/completion/bash-line.ts';
import { manualOf, renderManual } from '../../src/cli/manual.ts';
import { commandsOf, fakeContext, idleProgram } from './fake-context.ts';

const commands = commandsOf(idleProgram());
const names = commands.map(({ name }) => name);

/** The arguments of this program in a line of shell that has it somewhere. */
function argumentsIn(line: string): string[] {
  const [, own = ''] = /\bchandler ((?:[^|;>'"]|'[^']*'|"[^"]*")*)/.exec(line) ?? [];
  return splitLine(own.replace(/[)\s]+$/, '')).filter((word) => word !== '');
}

/** Commander ends by an error also when all is well. */
async function showHelp(context: ReturnType<typeof fakeContext>, words: readonly string[]): Promise<void> {
  const parsed = idleProgram(context).parseAsync(words, { from: 'user' });
  await expect(parsed).rejects.toMatchObject({ exitCode: 0 });
}

describe.each(commands)('$name', ({ command }) => {
  const manual = manualOf(command);

  test('describes every command in one line and at length', () => {
    expect(manual?.summary).toMatch(/^[^\n]{5,60}$/);
    expect(manual?.about.length).toBeGreaterThan(50);
  });

  test('has examples that it accepts', async () => {
    const lines = Object.keys(manual?.examples ?? {});
    expect(lines.length).toBeGreaterThan(0);
    const wrong: string[] = [];
    for (const line of lines) {
      const words = argumentsIn(line);
      if (words.length === 0) wrong.push(`${line}: no chandler in it`);
      await idleProgram()
        .parseAsync(words, { from: 'user' })
        .catch((error: unknown) => wrong.push(`${line}: ${String(error)}`));
    }
    expect(wrong).toEqual([]);
  });

  test('refers to existing commands', () => {
    const known = [...names, 'help COMMAND'];
    for (const other of manual?.seeAlso ?? []) expect(known).toContain(other);
  });

  test('describes its arguments and options', () => {
    for (const { description } of [...command.registeredArguments, ...command.options]) {
      expect(description).not.toBe('');
    }
  });
});

test('an example that no command accepts is found', async () => {
  const program = idleProgram();
  await expect(program.parseAsync(argumentsIn('chandler up'), { from: 'user' })).rejects.toThrow('missing');
});

test.each([60, 80, 200])('help fits a terminal of %i columns', async (columns) => {
  const context = fakeContext(columns);
  for (const name of ['', ...names]) {
    const words = [...name.split(' ').filter((word) => word !== ''), '--help'];
    await showHelp(context, words);
  }
  const tooWide = context
    .output()
    .split('\n')
    // What is to be copied is never broken, and a single word can't be.
    .filter((line) => line.length > Math.min(columns, 100) && !/^ {2}\S|^ *\S+$/.test(line));
  expect(tooWide).toEqual([]);
});

test('help of a command and `help COMMAND` are the same', async () => {
  const [asked, option] = [fakeContext(), fakeContext()];
  await showHelp(asked, ['help', 'retry']);
  await showHelp(option, ['retry', '--help']);
  expect(asked.output()).toBe(option.output());
  expect(asked.output()).toMatch(/^Usage: chandler retry \[options\] \[id\] \[step\]\n/);
});

test('a manual has a wrapped section for everything that is set, and no empty one', () => {
  const lines = renderManual(
    {
      summary: 'do it',
      about: 'Does it.',
      examples: { 'chandler do it': 'For whoever wants it to be done, today or tomorrow.' },
      exits: { parked: 'somebody must look' },
      environment: ['NO_COLOR'],
      seeAlso: ['status', 'logs'],
    },
    50,
  );
  expect(lines).toEqual([
    'Examples:',
    '  chandler do it',
    '      For whoever wants it to be done, today or',
    '      tomorrow.',
    '',
    'Exit codes:',
    '  0    done',
    '  1    it failed',
    '  2    wrong usage, a bad plan, no such run, or an',
    '       action that the run refused',
    '  3    somebody must look',
    '  130  interrupted by Ctrl-C; a run continues',
    '',
    'Environment:',
    '  NO_COLOR',
    '      when set, nothing is coloured',
    '',
    'See also:',
    '  chandler status, chandler logs',
  ]);
});
