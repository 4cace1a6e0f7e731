import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { LogPage } from '../../activities/types.ts';
import type { ChandlerClient, LogRange } from '../../client.ts';
import { ChandlerError } from '../../domain/failure.ts';
import { createPlainText } from '../../domain/terminal.ts';
import { aborted, announceOn, warn, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { isNoWorker } from '../errors.ts';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { exitCodes, exitTexts } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import { jsonLine } from '../print-json.ts';
import { readSince } from '../since-option.ts';
import { awaitTry, firstTry, type TryRef } from '../tries.ts';
import { type Act, wholeNumber, withEngineOptions } from './act.ts';

interface LogsOptions extends EngineOptions {
  readonly follow?: boolean;
  readonly generation?: number;
  readonly finalizer?: boolean;
  readonly since?: number;
  readonly tail?: number;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** A page costs several round trips, whatever its size. */
const PAGE_BYTES = 256 * 1024;
/** How long one request waits on the host for more. */
const FOLLOW_S = 10;
/** Between requests that brought nothing. */
const PAUSE_MS = 500;
/** For what must not be left behind, once Ctrl-C has come. */
const FAREWELL_MS = 2000;

export function addLogs(program: Command, act: Act): void {
  const logs = program
    .command('logs')
    .argument('<id>', 'of the run')
    .argument('<step>', 'its name')
    .option('-f, --follow', 'go on until the step is over, over all its tries')
    .option('--generation <n>', 'the try to show (default: the latest)', wholeNumber(1))
    .option('--finalizer', "the log of the step's finalizer")
    .option('--since <time>', 'what was printed since: 10m, 2h, or an ISO 8601 time', readSince)
    .option('-n, --tail <lines>', 'the last lines only', wholeNumber(0))
    .option('--raw', 'with the escape sequences that the host printed')
    .option('--json', 'a JSON object a line: try, text, and the offset where the log goes on')
    .action(
      act.untilStopped((context, id: string, step: string, options: LogsOptions) =>
        withClient(options, context, (client) =>
          Promise.race([
            printLog({ context, client, id, step, options }),
            aborted(context.signal)
              .then(() => delay(FAREWELL_MS))
              .then(() => exitCodes.interrupted),
          ]),
        ),
      ),
    );
  withEngineOptions(logs);
  describe(logs, {
    group: 'Watch and look:',
    summary: "print a step's log",
    about: `Prints the whole output of a step, or of its finalizer. It comes from the host through a worker, so no SSH access is needed here. Secrets are starred, and what would drive a terminal is left out unless --raw is given.

--since shows at least what was printed since, by the host's clock: logs bear no times, so it may begin somewhat earlier, or at the very beginning if no worker was waiting for the step then. With --tail, too, the later of the two counts.

--follow waits for a step that has not started. When a step is tried again while it is followed, a line on standard error says so and the next try follows; with --generation it ends with that try. It ends when the step is over or waits for a person, and on Ctrl-C, which leaves nothing behind.`,
    examples: [
      ['chandler logs provision:web1:22 packages', 'What its latest try has printed so far.'],
      ['chandler logs provision:web1:22 packages -f --tail 20', 'From the end, and on.'],
      ['chandler logs provision:web1:22 packages --since 10m | grep -i error', 'Of the last ten minutes.'],
      ['chandler logs provision:web1:22 site --finalizer --generation 1', 'The first try of its finalizer.'],
    ],
    exits: {
      failed: 'the step has not started, there is no such log, or no worker answers',
      unreachable: exitTexts.unreachable,
    },
    environment: ENGINE_ENVIRONMENT,
    seeAlso: ['status', 'attach', 'retry'],
  });
}

interface Printing {
  readonly context: CliContext;
  readonly client: ChandlerClient;
  readonly id: string;
  readonly step: string;
  readonly options: LogsOptions;
}

async function printLog(printing: Printing): Promise<number> {
  const { context, client, id, step, options } = printing;
  const { follow = false, finalizer = false } = options;
  const part: TryRef = { client, id, step, finalizer, signal: context.signal };
  const announce = announceOn(context);
  const say = (line: string) => announce(`${step}: ${line}`);
  // Fixed before the first page: a retry must not put the rest of another log under this one.
  let generation = await firstTry(part, options.generation, follow ? say : undefined);
  await printTry(printing, generation, say, {
    ...(options.since !== undefined && { sinceS: options.since }),
    ...(options.tail !== undefined && { tailLines: options.tail }),
  });
  if (!follow || options.generation !== undefined) return 0;
  for (;;) {
    const next = await awaitTry(part, generation);
    if (next.generation === undefined) {
      say(next.end);
      return 0;
    }
    say(`try ${generation} is over; this is try ${next.generation}`);
    generation = next.generation;
    await printTry(printing, generation, say, {});
  }
}

/** Prints the log of one launch: what there is, or to its end. */
async function printTry(
  printing: Printing,
  generation: number,
  say: (line: string) => void,
  start: LogRange,
): Promise<void> {
  const { context, step, options } = printing;
  const read = openPages(printing, generation, say);
  const show = options.raw ? (text: string) => text : createPlainText();
  let goal = options.follow ? Infinity : undefined;
  for (let range = start; ;) {
    const page = await read(range);
    const text = show(page.text);
    const { nextOffset } = page;
    if (!options.json) await write(context, text);
    else if (text !== '') await write(context, jsonLine({ generation, text, nextOffset }));
    if (page.cut)
      warn(context, `${step}: the log is not whole: the host could not keep all of it (is its disk full?)`);
    // Without --follow a log that grows as fast as it is read must have an end, too.
    goal ??= page.size;
    if (page.complete || page.nextOffset >= goal) return;
    if (page.nextOffset === range.offset) {
      if (!options.follow) return;
      await delay(PAUSE_MS, undefined, { signal: context.signal });
    }
    range = { offset: page.nextOffset };
  }
}

/** Asks for one page after another; whoever follows is patient with workers that are being replaced. */
function openPages(
  { context, client, id, step, options }: Printing,
  generation: number,
  say: (line: string) => void,
): (range: LogRange) => Promise<LogPage> {
  const { follow = false, finalizer = false } = options;
  const settings = { maxBytes: PAGE_BYTES, followS: follow ? FOLLOW_S : 0, signal: context.signal };
  let read: ((range: LogRange) => Promise<LogPage>) | undefined;
  return async (range) => {
    for (let told = false; ; told = true) {
      try {
        read ??= await client.openLog(id, step, { generation, finalizer });
        return await read({ ...range, ...settings });
      } catch (error) {
        if (!follow || !isNoWorker(error))
          throw explainUnreachable(error, copyable(context, options, 'status', id));
        if (!told) say('no worker answers; waiting for one');
        await delay(PAUSE_MS, undefined, { signal: context.signal });
      }
    }
  };
}

/** The log is on the host: what is known without it has to do. */
function explainUnreachable(error: unknown, status: string): unknown {
  if (!(error instanceof ChandlerError) || error.code !== 'host-unreachable') return error;
  const advice = `${error.advice} The log is there and nowhere else; of a step that failed, ${status} has its last lines.`;
  return new ChandlerError(error.code, error.message, { cause: error, facts: { advice } });
}

/** Waits for a slow reader, so that a long log is never held in memory. */
async function write({ stdout }: CliContext, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}
