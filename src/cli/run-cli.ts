import { Command, CommanderError } from 'commander';
import { actIn, type Act } from './commands/act.ts';
import { addAttach } from './commands/attach-command.ts';
import { addClean } from './commands/clean-command.ts';
import { addCompletion } from './commands/completion-command.ts';
import { addDev } from './commands/dev-command.ts';
import { addDiff } from './commands/diff-command.ts';
import { addDoctor } from './commands/doctor-command.ts';
import { addDrift } from './commands/drift-command.ts';
import { addFleet } from './commands/fleet-command.ts';
import { addHosts } from './commands/hosts-command.ts';
import { addInit } from './commands/init-command.ts';
import { addLogs } from './commands/logs-command.ts';
import { addActionCommands } from './commands/action-commands.ts';
import { addSandbox } from './commands/sandbox-command.ts';
import { addSchedule } from './commands/schedule-command.ts';
import { addSchema } from './commands/schema-command.ts';
import { addScript } from './commands/script-command.ts';
import { addSsh } from './commands/ssh-command.ts';
import { addStart } from './commands/start-command.ts';
import { addStatus } from './commands/status-command.ts';
import { addUp } from './commands/up-command.ts';
import { addValidate } from './commands/validate-command.ts';
import { addVersion } from './commands/version-command.ts';
import { addWatch } from './commands/watch-command.ts';
import { addWatchHost } from './commands/watch-host-command.ts';
import { addWorker } from './commands/worker-command.ts';
import { answerCompletion, COMPLETE } from './completion/answer-completion.ts';
import type { ProcessContext, Verbosity } from './context.ts';
import { explainError, type Explanation } from './errors.ts';
import { exitCodes, exitTexts } from './exit-codes.ts';
import { describe, LAST_GROUP, MIN_WRAP } from './manual.ts';
import { jsonLine } from './output/print-json.ts';
import { readManifest } from '../config/version.ts';

// Each adds only the description of a command. Its work is loaded when it runs, so that help, completion and commands without a
// server start fast (test/integration/start-up.test.ts).
const ADD = [
  addUp,
  addFleet,
  addStart,
  addWatchHost,
  addStatus,
  addWatch,
  addLogs,
  addAttach,
  addSsh,
  addActionCommands,
  addClean,
  addHosts,
  addValidate,
  addScript,
  addSchema,
  addInit,
  addDiff,
  addDrift,
  addSchedule,
  addDoctor,
  addDev,
  addWorker,
  addSandbox,
  addCompletion,
  addVersion,
];

const MAX_COLUMNS = 100;

/** Runs one command line and returns its exit code. Prints errors on standard error. */
export async function runCli(args: readonly string[], context: ProcessContext): Promise<number> {
  let exitCode = 0;
  const json = wantsJson(args);
  const contextNow = () => ({ ...context, verbosity: readVerbosity(program) });
  const program: Command = createProgram(
    context,
    actIn(contextNow, (code) => {
      exitCode = code;
    }),
    { json },
  );
  if (args[0] === COMPLETE) {
    await answerCompletion(program, args.slice(1), contextNow());
    return exitCodes.provisioned;
  }
  try {
    await program.parseAsync(words(program, args), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has already printed this error. Code 0 is --help and --version.
      if (error.exitCode === 0) return exitCodes.provisioned;
      const explanation = {
        text: error.message.replace(/^error: /, ''),
        exitCode: exitCodes.usage,
        code: 'usage',
      };
      if (json) writeError(context, explanation);
      return exitCodes.usage;
    }
    // After Ctrl-C, pending requests fail with arbitrary errors.
    if (context.signal.aborted) return exitCodes.interrupted;
    const explanation = explainError(error);
    if (json) writeError(context, explanation);
    else context.stderr.write(`${explanation.text}\n`);
    if (context.env['CHANDLER_DEBUG'] && error instanceof Error) context.stderr.write(`${error.stack}\n`);
    return explanation.exitCode;
  }
}

/** `help X` for an unknown command must fail like the command itself; `help X Y` shows the help of the subcommand. */
function words(program: Command, args: readonly string[]): readonly string[] {
  const [help, name, subcommand] = args;
  const group = program.commands.find((command) => command.name() === name && command.commands.length > 0);
  if (help === 'help' && name !== undefined && subcommand !== undefined && group) {
    const isThere = group.commands.some((command) => command.name() === subcommand);
    return isThere ? [name, subcommand, '--help'] : [name, subcommand];
  }
  const isKnown =
    name === undefined || name.startsWith('-') || program.commands.some((c) => c.name() === name);
  return help === 'help' && !isKnown ? [name] : args;
}

/** Creates the whole command tree. With `json`, wrong usage is not printed as text. */
export function createProgram(
  context: Pick<ProcessContext, 'stdout' | 'stderr' | 'terminalSize'>,
  act: Act,
  { json }: { readonly json: boolean },
): Command {
  const program = new Command('chandler')
    .version(readManifest().version, '-V, --version', 'print the version')
    .option('-q, --quiet', 'print only the result and errors')
    .option('-v, --verbose', 'also print which server is used and why, and each request with its retries')
    .helpOption('-h, --help', 'show this help; `chandler help COMMAND` shows that of a command')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .configureHelp({
      minWidthToWrap: MIN_WRAP,
      showGlobalOptions: true,
      subcommandTerm: (command) => command.name(),
    })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => {
        if (!json) write(text);
      },
      getOutHelpWidth: () => Math.min(context.terminalSize().columns, MAX_COLUMNS),
    });
  if (!json) program.showHelpAfterError('(use --help for the options)');
  describe(program, {
    summary: 'provision hosts over SSH, durably',
    about:
      'Provisions Linux containers and VMs over plain SSH as a durable Temporal workflow: named steps, each in a terminal session of its own on the host, then finalizers, then a sentinel file that is read back.',
    examples: {
      'chandler dev': 'A Temporal server with its UI, and a worker, on this machine.',
      'chandler sandbox up': 'A throw-away host to try things on.',
      'chandler up web.yaml --target root@10.0.0.7': 'Provision a host and follow it live.',
      'chandler status': 'All runs; those that need attention are marked.',
      "chandler retry --query 'ChandlerAttention = true'": 'Run every parked step of every run again.',
      'source <(chandler completion bash)':
        'Complete commands, options, ids of runs and steps by the Tab key.',
    },
    exits: { ...exitTexts, provisioned: 'provisioned, or done' },
    environment: ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'CHANDLER_DEBUG', 'NO_COLOR'],
    seeAlso: ['help COMMAND'],
  });
  for (const add of ADD) add(program, act);
  // This group contains `help`, which commander adds.
  return program.commandsGroup(LAST_GROUP);
}

/** Checked before parsing, because parse errors must be printed as JSON, too. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

function writeError({ stderr }: ProcessContext, { text: message, code, exitCode }: Explanation): void {
  stderr.write(jsonLine({ error: { message, code, exitCode } }));
}

function readVerbosity(program: Command): Verbosity {
  const { quiet, verbose } = program.opts<{ quiet?: boolean; verbose?: boolean }>();
  return quiet ? 'quiet' : verbose ? 'verbose' : 'normal';
}
