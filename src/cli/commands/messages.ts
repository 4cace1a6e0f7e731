import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { print, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { inTime } from '../watch.ts';
import { type Act, withEngineOptions } from './act.ts';

interface ReasonOptions extends EngineOptions {
  readonly reason?: string;
}
interface RetryOptions extends EngineOptions {
  readonly script?: string;
}

/** Adds what a person can do to a run: one command each. */
export function addMessages(program: Command, act: Act): void {
  withEngineOptions(program.command('retry'))
    .description('run a parked step, or its finalizer, again')
    .argument('<id>')
    .argument('<step>')
    .option('--script <file>', 'run this script in place of the plan’s')
    .action(
      act((context, id: string, step: string, options: RetryOptions) => retry(context, id, step, options)),
    );
  withReason(program.command('skip'))
    .description('treat a parked step, or its finalizer, as done')
    .argument('<id>')
    .argument('<step>')
    .action(
      act((context, id: string, step: string, options: ReasonOptions) =>
        send(context, id, options, `${step} is skipped`, (client) =>
          client.skip(id, { step, ...reasonOf(options) }),
        ),
      ),
    );
  const whole = [
    ['abort', 'end a run and everything of it that still runs', 'the run is being ended'],
    ['pause', 'start no further step', 'the run is paused; what runs goes on'],
    ['resume', 'go on after a pause', 'the run goes on'],
  ] as const;
  for (const [name, description, done] of whole) {
    withReason(program.command(name))
      .description(description)
      .argument('<id>')
      .action(
        act((context, id: string, options: ReasonOptions) =>
          send(context, id, options, done, (client) => client[name](id, reasonOf(options))),
        ),
      );
  }
}

async function retry(context: CliContext, id: string, step: string, options: RetryOptions): Promise<number> {
  const script = options.script === undefined ? undefined : await readScript(options.script);
  return send(context, id, options, `${step} runs again`, (client) =>
    client.retry(id, { step, ...(script !== undefined && { script }) }),
  );
}

async function send(
  context: CliContext,
  id: string,
  options: EngineOptions,
  done: string,
  order: (client: ChandlerClient) => Promise<unknown>,
): Promise<number> {
  return withClient(options, context, async (client) => {
    await inTime(client, () => order(client));
    print(context, done);
    context.stderr.write(`Follow  ${copyable(context, options, 'status', id, '--watch')}\n`);
    return 0;
  });
}

function withReason(command: Command): Command {
  return withEngineOptions(command).option('--reason <text>', 'why; shown with the run');
}

function reasonOf({ reason }: ReasonOptions): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

async function readScript(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(exitCodes.usage, `--script ${file}: ${reason}`, { cause });
  });
}
