import { Command, CommanderError } from 'commander';
import { readManifest } from '../config/version.ts';
import { actIn } from './commands/act.ts';
import { addAttach } from './commands/attach.ts';
import { addDev } from './commands/dev.ts';
import { addDiff } from './commands/diff.ts';
import { addDoctor } from './commands/doctor.ts';
import { addInit } from './commands/init.ts';
import { addLogs } from './commands/logs.ts';
import { addMessages } from './commands/messages.ts';
import { addSandbox } from './commands/sandbox.ts';
import { addSchema } from './commands/schema.ts';
import { addScript } from './commands/script.ts';
import { addSsh } from './commands/ssh.ts';
import { addStart } from './commands/start.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { addValidate } from './commands/validate.ts';
import { addWatch } from './commands/watch.ts';
import { addWatchHost } from './commands/watch-host.ts';
import { addWorker } from './commands/worker.ts';
import type { CliContext } from './context.ts';
import { explainError } from './errors.ts';
import { EXIT_CODE_HELP, exitCodes } from './exit-codes.ts';

const ADD = [
  addDev,
  addWorker,
  addSandbox,
  addUp,
  addStart,
  addStatus,
  addWatch,
  addMessages,
  addLogs,
  addAttach,
  addSsh,
  addScript,
  addWatchHost,
  addValidate,
  addSchema,
  addDoctor,
  addDiff,
  addInit,
];

/** Runs one command line and returns its exit code. Errors are told on standard error. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  let exitCode = 0;
  const program = new Command('chandler')
    .description('Provisions Linux containers and VMs over plain SSH as a durable Temporal workflow.')
    .version(readManifest().version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => context.terminalSize().columns,
    })
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('afterAll', EXIT_CODE_HELP);
  const act = actIn(context, (code) => {
    exitCode = code;
  });
  for (const add of ADD) add(program, act);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has told what is wrong by itself; code 0 is --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
    // What was under way when Ctrl-C came fails in all sorts of ways.
    if (context.signal.aborted) return exitCodes.interrupted;
    return showError(error, context);
  }
}

function showError(error: unknown, context: CliContext): number {
  const { text, exitCode } = explainError(error);
  const stack = context.env['CHANDLER_DEBUG'] && error instanceof Error ? `\n${error.stack}` : '';
  context.stderr.write(`${text}${stack}\n`);
  return exitCode;
}
