import type { Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { count } from '../../domain/count.ts';
import { confirm } from '../ask.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { CliError, isNoWorker, silentError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import {
  orderAll,
  orderQuery,
  renderOutcome,
  renderSum,
  sendInTime,
  type OrderKind,
  type OrderOutcome,
} from '../orders.ts';
import { jsonLine } from '../print-json.ts';
import { listRuns } from '../runs.ts';
import { lookAt } from '../look.ts';
import { withEngineOptions } from './act.ts';

/** The options of every message. */
export interface SendOptions extends EngineOptions {
  readonly reason?: string;
  readonly requestId?: string;
  readonly query?: string;
  readonly fleet?: string;
  readonly step?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Gives a command the options of every message. */
export function withSendOptions(command: Command, { steps }: { readonly steps: boolean }): Command {
  command
    .option('--reason <text>', 'why; kept with the run')
    .option('--request-id <text>', 'a run takes a message with this id once, however often it is sent')
    .option('--query <query>', 'to every running run that this visibility query of Temporal finds')
    .option(
      '--fleet <name>',
      "to every running run of this fleet, as plans have it: short for ChandlerFleet = 'NAME'",
    );
  if (steps) command.option('--step <name>', 'with --query or --fleet: only this step of each run');
  return withEngineOptions(
    command
      .option('--dry-run', 'say what would be sent to which run, and send nothing')
      .option('-y, --yes', 'do not ask, where a query and what is ordered make it worth asking')
      .option('--json', 'with --query, --fleet or --dry-run: a JSON object a line for each run'),
  );
}

/** What is to be sent, and how the answer is told. */
export interface Sending {
  readonly order: OrderKind;
  /** The answer when one run has taken it. */
  readonly done: (step: string) => string;
  /** What an order to many runs would do, as a question: shown before that is done. */
  readonly ask?: string;
}

/** Sends an order to one run, or to all that the options' query finds. `id` and `step` are the command's arguments. */
export async function send(
  context: CliContext,
  id: string | undefined,
  step: string | undefined,
  options: SendOptions,
  sending: Sending,
): Promise<number> {
  const query = orderQuery(options);
  if (query === undefined) return sendToOne(context, id, step, options, sending);
  if (id !== undefined)
    throw new CliError(exitCodes.usage, 'either the id of a run, or --query or --fleet, not both');
  return withClient(options, context, async (client) => {
    const runs = await listRuns(client, `ExecutionStatus = 'Running' AND ${query}`, Infinity);
    const ids = runs.map((run) => run.id);
    if (ids.length === 0) {
      announceOn(context)(`No running run is found by: ${query}`);
      return exitCodes.provisioned;
    }
    if (sending.ask !== undefined && !options.dryRun && !options.yes)
      await makeSure(context, sending.ask, ids);
    return sendToAll(context, client, ids, options.step, options, sending.order);
  });
}

async function sendToOne(
  context: CliContext,
  id: string | undefined,
  step: string | undefined,
  options: SendOptions,
  { order, done }: Sending,
): Promise<number> {
  if (id === undefined || (order.fits && step === undefined)) {
    const which = id === undefined ? 'run' : 'step';
    const words = order.fits ? 'ID STEP' : 'ID';
    throw new CliError(
      exitCodes.usage,
      `which ${which}? ${context.program} ${order.action} ${words}, or --query or --fleet for many; ${context.program} status ${id === undefined ? 'lists the runs' : 'ID lists the steps'}`,
    );
  }
  if (options.step !== undefined)
    throw new CliError(
      exitCodes.usage,
      '--step is for --query and --fleet; of one run, the step is an argument',
    );
  return withClient(options, context, async (client) => {
    if (options.dryRun) {
      // That there is no such run is wrong usage, not a refusal.
      await client.temporal.workflow.getHandle(id).describe();
      return sendToAll(context, client, [id], step, options, order);
    }
    await sendOnce(client, id, step ?? '', order);
    if (options.json) {
      const steps = step === undefined ? [] : [step];
      context.stdout.write(jsonLine({ id, action: order.action, steps, outcome: 'taken' }));
    } else print(context, done(step ?? ''));
    announceOn(context)(`Follow  ${copyable(context, options, 'watch', id)}`);
    return exitCodes.provisioned;
  });
}

/**
 * Sends an order to a run that answers. An order cannot be called back, so one that nobody can take now is not sent, and a
 * worker that has just answered is waited for.
 */
async function sendOnce(client: ChandlerClient, id: string, step: string, order: OrderKind): Promise<void> {
  const sight = await lookAt(client, id);
  if (sight.kind === 'silent') throw silentError(sight, 'nothing was sent');
  try {
    await sendInTime(client, id, step, order);
  } catch (error) {
    if (!isNoWorker(error)) throw error;
    const text = 'no answer in time: it may yet be taken';
    throw new CliError(exitCodes.failed, text, { cause: error, code: 'no-worker' });
  }
}

async function sendToAll(
  context: CliContext,
  client: ChandlerClient,
  ids: readonly string[],
  step: string | undefined,
  { dryRun = false, json = false }: SendOptions,
  order: OrderKind,
): Promise<number> {
  const outcomes: OrderOutcome[] = [];
  for await (const outcome of orderAll(client, ids, order, { step, dryRun })) {
    outcomes.push(outcome);
    if (json) context.stdout.write(jsonLine(outcome));
    else print(context, renderOutcome(outcome));
  }
  announceOn(context)(renderSum(outcomes));
  const isWanting = outcomes.some(({ outcome }) => outcome === 'refused' || outcome === 'unknown');
  return isWanting ? exitCodes.failed : exitCodes.provisioned;
}

const MOST_SHOWN = 10;

/** Many runs are ended, or told to do without a step, only if somebody who can see them says so. */
async function makeSure(context: CliContext, question: string, ids: readonly string[]): Promise<void> {
  const runs = count(ids.length, 'run');
  if (!context.hasTerminal) {
    const text = `${question} ${runs}? Say --yes, or see them with --dry-run`;
    throw new CliError(exitCodes.usage, text);
  }
  const more = ids.length > MOST_SHOWN ? [`  … and ${ids.length - MOST_SHOWN} more`] : [];
  const shown = [...ids.slice(0, MOST_SHOWN).map((id) => `  ${id}`), ...more].join('\n');
  if (!(await confirm(context, `${shown}\n${question} ${runs}?`)))
    throw new CliError(exitCodes.failed, 'nothing was sent');
}
