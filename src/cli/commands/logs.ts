import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { plainText } from '../../domain/terminal.ts';
import type { CliContext } from '../context.ts';
import { withClient, type EngineOptions } from '../engine.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { inTime } from '../watch.ts';
import { type Act, wholeNumber, withEngineOptions } from './act.ts';

interface LogsOptions extends EngineOptions {
  readonly follow?: boolean;
  readonly generation?: number;
  readonly finalizer?: boolean;
  readonly raw?: boolean;
}

/** How long one request waits on the host for more. */
const FOLLOW_S = 10;
/** Between requests that brought nothing. */
const PAUSE_MS = 500;

export function addLogs(program: Command, act: Act): void {
  withEngineOptions(program.command('logs'))
    .description("print a step's log; it comes through a worker, so no SSH access is needed here")
    .argument('<id>')
    .argument('<step>')
    .option('-f, --follow', 'go on until the step is over')
    .option('--generation <n>', 'the try to show (default: the latest)', wholeNumber(1))
    .option('--finalizer', "the log of the step's finalizer")
    .option('--raw', 'with the escape sequences that the host printed')
    .action(
      act((context, id: string, step: string, options: LogsOptions) =>
        withClient(options, context, (client) => printLog(context, client, id, step, options)),
      ),
    );
}

async function printLog(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  step: string,
  options: LogsOptions,
): Promise<number> {
  const { follow = false, finalizer = false, raw = false } = options;
  // Fixed before the first page: a retry must not put the rest of another log under this one.
  const generation = options.generation ?? (await latestGeneration(client, id, step, finalizer));
  for (let offset = 0; ;) {
    const page = await client.readLog(id, step, {
      generation,
      finalizer,
      offset,
      followS: follow ? FOLLOW_S : 0,
    });
    await write(context, raw ? page.text : plainText(page.text));
    if (page.cut)
      context.stderr.write(
        `${step}: the log is not whole: the host could not keep all of it (is its disk full?)\n`,
      );
    if (page.complete) return 0;
    if (page.nextOffset === offset) {
      if (!follow) return 0;
      await delay(PAUSE_MS);
    }
    offset = page.nextOffset;
  }
}

async function latestGeneration(
  client: ChandlerClient,
  id: string,
  step: string,
  finalizer: boolean,
): Promise<number> {
  const { steps } = await inTime(client, () => client.status(id));
  const known = steps.find(({ name }) => name === step);
  if (!known) {
    const names = steps.map(({ name }) => name).join(', ');
    throw new CliError(exitCodes.usage, `there is no step "${step}"; the steps are ${names}`);
  }
  const part = finalizer ? known.finalizer : known;
  if (!part) throw new CliError(exitCodes.usage, `${step} has no finalizer`);
  if (part.generation === 0) throw new CliError(exitCodes.failed, `${step} has not started yet`);
  return part.generation;
}

/** Waits for a slow reader, so that a long log is never held in memory. */
async function write({ stdout }: CliContext, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}
