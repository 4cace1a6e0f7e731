import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { LogPage } from '../../activities/activity-types.ts';
import type { LogRange } from '../../client.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { ChandlerError, isAccessCode } from '../../domain/run/failure.ts';
import { describeInput, type RunStatus } from '../../domain/run/status.ts';
import { createPlainText, oneLine } from '../../domain/text/plain-text.ts';
import { aborted, announceOn, warn, type CliContext } from '../context.ts';
import { observeRun } from '../server/observe-run.ts';
import { reconnecting } from '../server/with-client.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { CliError, isNoWorker, silentError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { jsonLine } from '../output/print-json.ts';
import { describeTrouble } from '../output/describe-trouble.ts';
import { withRun, withRunIdOption } from '../server/with-run.ts';
import { readSince } from '../input/read-since.ts';
import { awaitAttempt, chooseAttempt, type PartRef } from '../live/part-attempts.ts';
import { watchRun, type RunSource } from '../live/watch-run.ts';
import { type Act, describeServerCommand, wholeNumber } from './act.ts';

interface LogsOptions extends ServerOptions {
  readonly follow?: boolean;
  readonly attempt?: number;
  readonly finalizer?: boolean;
  readonly since?: number;
  readonly tail?: number;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** Large, because a page costs several round trips whatever its size. */
const PAGE_BYTES = 256 * 1024;
/** How long one request waits on the host for new output. */
const FOLLOW_S = 10;
/** If a page takes longer than this, the status of the run may explain why. */
const HELD_UP_MS = 2000;
/** The pause after a request without new output. */
const PAUSE_MS = 500;
/** After Ctrl-C: the time to clean up. */
const FAREWELL_MS = 2000;
const WAITING_FOR_WORKER = 'no worker answers; waiting for one';

export function addLogs(program: Command, act: Act): void {
  const logs = program
    .command('logs')
    .argument('<id>', 'of the run')
    .argument('<step>', 'its name')
    .option('-f, --follow', 'follow the log until the step is over, across all its attempts')
    .option('--attempt <n>', 'the attempt to show (default: the latest)', wholeNumber(1))
    .option('--finalizer', "the log of the step's finalizer")
    .option('--since <time>', 'what was printed since: 10m, 2h, or an ISO 8601 time', readSince)
    .option('-n, --tail <lines>', 'the last lines only', wholeNumber(0))
    .option('--raw', 'with the escape sequences that the host printed')
    .option('--json', 'one JSON object a line: attempt, text, and the offset at which the log continues')
    .action(
      act.untilStopped((context, id: string, step: string, options: LogsOptions) =>
        withRun(options, context, id, (client) =>
          Promise.race([
            printLog(
              context,
              {
                client,
                workflowId: id,
                connect: reconnecting(options, context, id),
                now: context.now,
                signal: context.signal,
              },
              { step, finalizer: options.finalizer ?? false },
              options,
            ),
            aborted(context.signal)
              .then(() => delay(FAREWELL_MS))
              .then(() => exitCodes.interrupted),
          ]),
        ),
      ),
    );
  describeServerCommand(withRunIdOption(logs), {
    group: 'Watch and inspect:',
    summary: "print a step's log",
    about: `Prints the whole output of a step, or of its finalizer. It comes from the host through a worker, so no SSH access is needed here. Secrets are masked, and escape sequences are left out unless --raw is given.

--since prints everything since that time, by the host's clock. Logs contain no times, so the output may begin earlier: at the very beginning if no worker was waiting for the step then. With --tail as well, the later start counts.

--follow waits for a step that has not started. When a step gets another attempt while it is followed, a line on standard error announces it and the log of that attempt follows; with --attempt, following ends with that attempt. It also ends when the step is over or needs attention, and on Ctrl-C, which leaves nothing behind.`,
    examples: {
      'chandler logs provision:web1:22 packages': 'What its latest attempt has printed so far.',
      'chandler logs provision:web1:22 packages -f --tail 20': 'Its last 20 lines, and what follows.',
      'chandler logs provision:web1:22 packages --since 10m | grep -i error': 'Of the last ten minutes.',
      'chandler logs provision:web1:22 site --finalizer --attempt 1': 'The first attempt of its finalizer.',
    },
    exits: {
      failed: 'the step has not started, there is no such log, or no worker answers',
    },
    seeAlso: ['status', 'attach', 'retry'],
  });
}

interface Printing {
  readonly context: CliContext;
  readonly source: RunSource;
  readonly part: PartRef;
  readonly options: LogsOptions;
  readonly say: (line: string) => void;
  /** Set while a page is pending. */
  waitingSinceMs?: number | undefined;
}

async function printLog(
  context: CliContext,
  source: RunSource,
  part: PartRef,
  options: LogsOptions,
): Promise<number> {
  const announce = announceOn(context);
  const say = (line: string) => announce(`${part.step}: ${line}`);
  const printing: Printing = { context, source, part, options, say };
  // Fixed before the first page, so that after a retry the rest of another attempt's log does not follow this one.
  const status = await readStatus(printing);
  let attempt = chooseAttempt(status, part, options.attempt) ?? (await awaitStart(printing));
  const over = new AbortController();
  void reportHolds(printing, AbortSignal.any([over.signal, context.signal]));
  try {
    await printAttempt(printing, attempt, definedOnly({ sinceS: options.since, tailLines: options.tail }));
    while (options.follow && options.attempt === undefined) {
      const next = await awaitAttempt(source, part, attempt);
      if (next.attempt === undefined) {
        say(next.end);
        break;
      }
      say(`attempt ${attempt} is over; attempt ${next.attempt} follows`);
      attempt = next.attempt;
      await printAttempt(printing, attempt, {});
    }
    return 0;
  } finally {
    over.abort();
  }
}

/** With --follow also waits for a worker. */
async function readStatus({ source, options, say }: Printing): Promise<RunStatus> {
  const { client, workflowId, signal } = source;
  for (let silences = 0; ; silences += 1) {
    const observation = await observeRun(client, workflowId);
    if (observation.kind === 'status') return observation.status;
    if (observation.kind === 'held') throw observation.error;
    if (!options.follow || observation.who === 'server' || observation.failedTask)
      throw silentError(observation, 'the log is not known');
    if (silences === 0) say(WAITING_FOR_WORKER);
    await delay(PAUSE_MS, undefined, { signal });
  }
}

/** Waits until the part starts. @throws CliError failed if it does not start, or must not be waited for */
async function awaitStart({ source, part, options, say }: Printing): Promise<number> {
  if (!options.follow) throw new CliError(exitCodes.failed, `${part.step} has not started yet`);
  say('it has not started yet; waiting for it');
  const first = await awaitAttempt(source, part, 0);
  if (first.attempt !== undefined) return first.attempt;
  throw new CliError(exitCodes.failed, `${part.step} did not run: ${first.end}`);
}

/** Prints the log of one attempt: what exists, or until its end. */
async function printAttempt(printing: Printing, attempt: number, start: LogRange): Promise<void> {
  const { context, part, options } = printing;
  const read = openPages(printing, attempt);
  const show = options.raw ? (text: string) => text : createPlainText();
  let goal = options.follow ? Infinity : undefined;
  for (let range = start; ;) {
    const page = await read(range);
    const text = show(page.text);
    const { nextOffset } = page;
    if (!options.json) await write(context, text);
    else if (text !== '') await write(context, jsonLine({ attempt, text, nextOffset }));
    if (page.cut)
      warn(
        context,
        `${part.step}: the log is incomplete: the host could not keep all of it. Is its disk full?`,
      );
    // Fixed at the first page, so that the command ends even if the log grows as fast as it is read.
    goal ??= page.size;
    if (page.complete || page.nextOffset >= goal) return;
    if (page.nextOffset === range.offset) {
      if (!options.follow) return;
      await delay(PAUSE_MS, undefined, { signal: context.signal });
    }
    range = { offset: page.nextOffset };
  }
}

/**
 * Returns a function that reads pages one after another. With --follow it also waits for a worker, and for a host that cannot be
 * reached.
 */
function openPages(printing: Printing, attempt: number): (range: LogRange) => Promise<LogPage> {
  const { context, source, part, options, say } = printing;
  const { client, workflowId } = source;
  const { follow = false } = options;
  const settings = { maxBytes: PAGE_BYTES, followS: follow ? FOLLOW_S : 0, signal: context.signal };
  let read: ((range: LogRange) => Promise<LogPage>) | undefined;
  return async (range) => {
    printing.waitingSinceMs = context.now();
    for (let failures = 0; ; failures += 1) {
      try {
        read ??= await client.openLog(workflowId, part.step, { attempt, finalizer: part.finalizer });
        return await read({ ...range, ...settings });
      } catch (error) {
        const isAway = error instanceof ChandlerError && isAccessCode(error.code);
        if (!follow || !(isNoWorker(error) || isAway))
          throw explainUnreachable(error, copyable(context, options, 'status', workflowId));
        if (failures === 0)
          say(
            isAway
              ? `the host cannot be reached: ${oneLine(error.message)}; asking again`
              : WAITING_FOR_WORKER,
          );
        await delay(PAUSE_MS, undefined, { signal: context.signal });
      } finally {
        printing.waitingSinceMs = undefined;
      }
    }
  };
}

/** Reports why a page is late: the run cannot reach its host, or the step waits for input. Reports each reason once. */
async function reportHolds(printing: Printing, signal: AbortSignal): Promise<void> {
  const { context, source, part, say } = printing;
  const reported = new Set<number>();
  const isNew = (sinceMs: number) => !reported.has(sinceMs) && reported.add(sinceMs);
  // Errors stay silent here, because the request for the page reports them.
  await watchRun({ ...source, signal }, (run) => {
    const { waitingSinceMs = Infinity } = printing;
    if (!run?.status || context.now() - waitingSinceMs < HELD_UP_MS) return;
    const known = run.status.steps.find(({ name }) => name === part.step);
    const { trouble = run.status.trouble, input } = (part.finalizer ? known?.finalizer : known) ?? {};
    if (trouble && isNew(trouble.sinceMs)) say(describeTrouble(trouble));
    if (!trouble && input && isNew(input.sinceMs))
      say(oneLine(`${describeInput(input)}; type it with: ${input.attach}`));
  }).catch(() => undefined);
}

/** Explains that the log is on the host, which cannot be reached, and shows what is known without it. */
function explainUnreachable(error: unknown, status: string): unknown {
  if (!(error instanceof ChandlerError) || error.code !== 'host-unreachable') return error;
  const advice = `${error.advice} The log is there and nowhere else; of a step that failed, ${status} has its last lines.`;
  return new ChandlerError(error.code, error.message, { cause: error, facts: { advice } });
}

/** Writes a text and waits for a slow reader, so that a long log never fills the memory. */
async function write({ stdout }: CliContext, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}
