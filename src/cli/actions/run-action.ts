import type { ChandlerClient } from '../../client.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { actions, SENT_AS_SIGNAL } from '../../domain/run/actions.ts';
import { OPEN_QUERY } from '../../domain/run/execution-status.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { count } from '../../domain/text/count.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { CliError, isNoWorker, silentError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { confirm } from '../input/confirm.ts';
import { observeRun } from '../server/observe-run.ts';
import type { ActionOutcome } from '../output/outputs.ts';
import { jsonLine } from '../output/print-json.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import {
  batchQuery,
  renderOutcome,
  renderTotals,
  sendBatch,
  sendInTime,
  type ActionRequest,
} from './action-batch.ts';

export interface ActionOptions extends ServerOptions {
  readonly reason?: string;
  readonly requestId?: string;
  readonly query?: string;
  readonly fleet?: string;
  readonly step?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Sends an action to one run, or to all runs that match the options' query. `id` and `step` are the command's arguments. */
export async function runAction(
  context: CliContext,
  { name, input }: ActionRequest,
  [id, step]: readonly (string | undefined)[],
  options: ActionOptions,
): Promise<number> {
  const { reason, requestId } = options;
  const request = { name, input: definedOnly({ ...input, reason, requestId }) };
  const query = batchQuery(options);
  if (query === undefined) return sendToOne(context, id, step, options, request);
  if (id !== undefined)
    throw new CliError(exitCodes.usage, 'either the id of a run, or --query or --fleet, not both');
  return withClient(options, context, async (client) => {
    const runs = await client.list({ query: `${OPEN_QUERY} AND ${query}`, limit: Infinity });
    const ids = runs.map((run) => run.id);
    if (ids.length === 0) {
      announceOn(context)(`No open run is found by: ${query}`);
      return exitCodes.provisioned;
    }
    const question = actions[name].confirmMany?.(count(ids.length, 'run'));
    if (question !== undefined && !options.dryRun && !options.yes) await confirmBatch(context, question, ids);
    return sendToMany(context, client, ids, options.step, options, request);
  });
}

async function sendToOne(
  context: CliContext,
  id: string | undefined,
  step: string | undefined,
  options: ActionOptions,
  request: ActionRequest,
): Promise<number> {
  const { command: action, onStep, outcome } = actions[request.name];
  if (id === undefined || (onStep && step === undefined)) {
    const [which, hint] = id === undefined ? ['run', 'lists the runs'] : ['step', 'ID lists the steps'];
    throw new CliError(
      exitCodes.usage,
      `which ${which}? ${context.program} ${action} ${onStep ? 'ID STEP' : 'ID'}, or --query or --fleet for many; ${context.program} status ${hint}`,
    );
  }
  if (options.step !== undefined)
    throw new CliError(
      exitCodes.usage,
      '--step is for --query and --fleet; of one run, the step is an argument',
    );
  return withClient(options, context, async (client) => {
    if (options.dryRun) {
      // Fails for an unknown id, which is wrong usage and not a refusal.
      await client.describe(id);
      return sendToMany(context, client, [id], step, options, request);
    }
    const input = definedOnly({ ...request.input, step });
    const status = await sendOnce(client, id, { ...request, input });
    if (options.json) {
      const steps = step === undefined ? [] : [step];
      context.stdout.write(jsonLine({ id, action, steps, outcome: status ? 'accepted' : 'queued' }));
    } else print(context, status ? outcome(input, status) : SENT_AS_SIGNAL);
    announceOn(context)(`Follow  ${copyable(context, options, 'watch', id)}`);
    return exitCodes.provisioned;
  });
}

/** Sends an action only to a run that answers. An action cannot be withdrawn, so none is left waiting for a worker. */
async function sendOnce(
  client: ChandlerClient,
  id: string,
  request: ActionRequest,
): Promise<RunStatus | undefined> {
  const observation = await observeRun(client, id);
  if (observation.kind === 'silent') throw silentError(observation, 'nothing was sent');
  try {
    return await sendInTime(client, id, request);
  } catch (error) {
    if (!isNoWorker(error)) throw error;
    const text = 'no answer in time; the run may still accept it';
    throw new CliError(exitCodes.failed, text, { cause: error, code: 'no-worker' });
  }
}

async function sendToMany(
  context: CliContext,
  client: ChandlerClient,
  ids: readonly string[],
  step: string | undefined,
  { dryRun = false, json = false }: ActionOptions,
  request: ActionRequest,
): Promise<number> {
  const report = (outcome: ActionOutcome) => {
    if (json) context.stdout.write(jsonLine(outcome));
    else print(context, renderOutcome(outcome));
  };
  const outcomes = await sendBatch(client, ids, request, { step, dryRun }, report);
  announceOn(context)(renderTotals(outcomes));
  const isIncomplete = outcomes.some(({ outcome }) => outcome === 'refused' || outcome === 'unknown');
  return isIncomplete ? exitCodes.failed : exitCodes.provisioned;
}

const MAX_SHOWN_IDS = 10;

/** Shows the runs and asks for confirmation. @throws CliError without a terminal, or if the answer is no */
async function confirmBatch(context: CliContext, question: string, ids: readonly string[]): Promise<void> {
  if (!context.hasTerminal)
    throw new CliError(exitCodes.usage, `${question} Confirm with --yes, or list the runs with --dry-run`);
  const more = ids.length > MAX_SHOWN_IDS ? [`  … and ${ids.length - MAX_SHOWN_IDS} more`] : [];
  const shown = [...ids.slice(0, MAX_SHOWN_IDS).map((id) => `  ${id}`), ...more].join('\n');
  if (!(await confirm(context, `${shown}\n${question}`)))
    throw new CliError(exitCodes.failed, 'nothing was sent');
}
