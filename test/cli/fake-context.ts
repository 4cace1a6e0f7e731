import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import type { Act } from '../../src/cli/commands/act.ts';
import type { ProcessContext } from '../../src/cli/context.ts';
import { createProgram } from '../../src/cli/run-cli.ts';

/** A process that nobody sees; what it writes is in `output()`. */
export function fakeContext(columns = 80): ProcessContext & { readonly output: () => string } {
  const stdout = new PassThrough();
  const never = new AbortController().signal;
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    program: 'chandler',
    stdin: new PassThrough(),
    self: ['chandler'],
    hasTerminal: false,
    stdout,
    stderr: stdout,
    env: {},
    isTty: false,
    color: false,
    terminalSize: () => ({ columns, rows: 24 }),
    now: () => 0,
    signal: never,
    force: never,
    output: () => text,
  };
}

/** The whole command tree, whose commands do nothing. */
export function idleProgram(context: ProcessContext = fakeContext()): Command {
  const idle = () => () => Promise.resolve();
  const act: Act = Object.assign(idle, { untilStopped: idle });
  return createProgram(context, act, { json: false });
}

/** Every command and subcommand, with its name as it is typed. */
export function commandsOf(command: Command, above = ''): { name: string; command: Command }[] {
  return command.commands.flatMap((each) => {
    const name = `${above}${each.name()}`;
    return [{ name, command: each }, ...commandsOf(each, `${name} `)];
  });
}
