import { type Command, InvalidArgumentError } from 'commander';
import { aborted, type CliContext } from '../context.ts';
import { SERVER_ENVIRONMENT } from '../environment.ts';
import { exitCodes, exitTexts } from '../exit-codes.ts';
import { describe, type Manual } from '../manual.ts';

/** The work of a command; returns the exit code. */
export type Handler<Args extends unknown[]> = (context: CliContext, ...args: Args) => Promise<number>;

export interface Act {
  /** Ctrl-C ends the command at once. */
  <Args extends unknown[]>(handler: Handler<Args>): (...args: Args) => Promise<void>;
  /** For a handler that watches `context.signal` itself. */
  untilStopped<Args extends unknown[]>(handler: Handler<Args>): (...args: Args) => Promise<void>;
}

/** A handler in a module that is loaded when it runs. */
export function lazily<Args extends unknown[]>(load: () => Promise<Handler<Args>>): Handler<Args> {
  return async (context, ...args) => (await load())(context, ...args);
}

/** `contextNow` is called after the arguments are parsed; `done` receives the exit code. */
export function actIn(contextNow: () => CliContext, done: (exitCode: number) => void): Act {
  const untilStopped: Act['untilStopped'] =
    (handler) =>
    async (...args) =>
      done(await handler(contextNow(), ...args));
  const act = ((handler) =>
    async (...args) => {
      const context = contextNow();
      const stopped = aborted(context.signal).then(() => exitCodes.interrupted);
      done(await Promise.race([handler(context, ...args), stopped]));
    }) as Act;
  return Object.assign(act, { untilStopped });
}

/** Adds the options that select the server, and describes a command that connects to it. */
export function describeServerCommand(command: Command, manual: Manual): Command {
  command
    .option('--address <host:port>', 'the Temporal server (default: TEMPORAL_ADDRESS, or the running `dev`)')
    .option('--namespace <name>', 'its namespace (default: TEMPORAL_NAMESPACE, or "default")')
    .option('--task-queue <name>', 'the task queue (default: CHANDLER_TASK_QUEUE, or "chandler")');
  return describe(command, {
    ...manual,
    exits: { unreachable: exitTexts.unreachable, ...manual.exits },
    environment: [...SERVER_ENVIRONMENT, ...(manual.environment ?? [])],
  });
}

export const PLAN_ARGUMENT = 'YAML or JSON; - is standard input, preset:NAME a ready-made one';

export function withTargetOption(command: Command): Command {
  return command.option(
    '--target <value>',
    "KEY=VALUE or [USER@]HOST[:PORT] over the plan's target; may be repeated",
    addTo,
  );
}

export function withValueOptions(command: Command): Command {
  return command
    .option('--set <name=value>', "a variable over the plan's env; may be repeated", addTo)
    .option('--env-file <file>', 'a file of lines NAME=VALUE, which --set overrides; may be repeated', addTo);
}

function addTo(value: string, earlier?: readonly string[]): readonly string[] {
  return [...(earlier ?? []), value];
}

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}
