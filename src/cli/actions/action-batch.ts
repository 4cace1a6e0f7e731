import pMap from 'p-map';
import type { ChandlerClient } from '../../client.ts';
import { describeFailedTask } from '../output/describe-failed-task.ts';
import { actions, type ActionInput, type ActionName } from '../../domain/run/actions.ts';
import { activePart, type RunStatus } from '../../domain/run/status.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { CliError, explainError, isNoWorker } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { observeRun } from '../server/observe-run.ts';
import type { ActionOutcome } from '../output/outputs.ts';
import { toQuery } from '../server/visibility-query.ts';

export interface ActionRequest {
  readonly name: ActionName;
  /** Contains no `step`, because that may differ between runs. */
  readonly input: ActionInput;
}

const RUNS_AT_ONCE = 8;
/** How long a worker that has just answered may take. Long, because an action cannot be withdrawn once it is sent. */
const ACCEPT_MS = 30_000;

/** Chooses the steps of a run for an action: the named one, or all for which the action is suitable. */
export function chooseSteps(
  { name, input }: ActionRequest,
  { steps }: RunStatus,
  only: string | undefined,
): { readonly steps: string[]; readonly reason?: string } {
  const { onStep } = actions[name];
  if (!onStep) return { steps: [] };
  if (only !== undefined && !steps.some((step) => step.name === only))
    return { steps: [], reason: `there is no step "${only}"` };
  // Options such as --force make more steps suitable, which must apply only to steps that were named.
  const own = only === undefined ? {} : input;
  const chosen = steps
    .filter((step) => (only === undefined || step.name === only) && onStep.fits(activePart(step), own))
    .map((step) => step.name);
  return chosen.length === 0 ? { steps: chosen, reason: onStep.noneFits } : { steps: chosen };
}

/** Sends an action to runs, several at once. Reports each outcome as soon as it is known. */
export function sendBatch(
  client: ChandlerClient,
  ids: readonly string[],
  request: ActionRequest,
  { step, dryRun }: { readonly step: string | undefined; readonly dryRun: boolean },
  report: (outcome: ActionOutcome) => void,
): Promise<ActionOutcome[]> {
  const send = async (id: string): Promise<ActionOutcome> => {
    const outcome = await sendToRun(client, id, request, step, dryRun);
    report(outcome);
    return outcome;
  };
  return pMap(ids, send, { concurrency: RUNS_AT_ONCE });
}

export function sendInTime(
  client: ChandlerClient,
  id: string,
  { name, input }: ActionRequest,
): Promise<RunStatus | undefined> {
  return client.within(ACCEPT_MS, () => client[actions[name].method](id, input as never));
}

async function sendToRun(
  client: ChandlerClient,
  id: string,
  request: ActionRequest,
  only: string | undefined,
  dryRun: boolean,
): Promise<ActionOutcome> {
  const { command: action, onStep } = actions[request.name];
  let steps: string[] = [];
  const ended = (outcome: ActionOutcome['outcome'], reason?: string): ActionOutcome => {
    return { id, action, steps, outcome, ...(reason !== undefined && { reason }) };
  };
  const send = async () => {
    if (steps.length === 0) await sendInTime(client, id, request);
    for (const step of steps) await sendInTime(client, id, forStep(request, step));
  };
  try {
    // Asks the run first, so that no action waits for a worker that may start hours later.
    const observation = await observeRun(client, id);
    if (observation.kind === 'silent') {
      const { who, failedTask } = observation;
      return ended('refused', failedTask ? oneLine(describeFailedTask(failedTask)) : `no ${who} answers`);
    }
    if (observation.kind === 'held') {
      const { message } = observation.error;
      if (onStep && only === undefined) return ended('refused', `its steps are not known: ${message}`);
      if (only !== undefined) steps = [only];
      if (dryRun) return ended('would-be-sent');
      await send();
      return ended('queued', message);
    }
    const chosen = chooseSteps(request, observation.status, only);
    ({ steps } = chosen);
    if (chosen.reason !== undefined) return ended('nothing-to-do', chosen.reason);
    if (dryRun) return ended('would-be-sent');
    await send();
    return ended('accepted');
  } catch (error) {
    const { text, exitCode } = explainError(error);
    // The server is gone, so the other runs would fail alike.
    if (exitCode === exitCodes.unreachable) throw error;
    if (isNoWorker(error)) return ended('unknown', 'no answer in time; the run may still accept it');
    return ended('refused', oneLine(text));
  }
}

/** Gives each step its own request id, because a run may get the action for several steps. */
function forStep({ name, input }: ActionRequest, step: string): ActionRequest {
  const { requestId } = input;
  return { name, input: { ...input, step, ...(requestId && { requestId: `${requestId}:${step}` }) } };
}

const OUTCOME_TEXTS: Readonly<Record<ActionOutcome['outcome'], readonly [one: string, many: string]>> = {
  accepted: ['accepted', 'accepted'],
  queued: ['sent as a signal', 'sent as a signal'],
  refused: ['refused', 'refused'],
  unknown: ['unknown', 'unknown'],
  'nothing-to-do': ['nothing to do', 'with nothing to do'],
  'would-be-sent': ['would be sent', 'would be sent to'],
};

/** `provision:10.0.0.7:22: retry packages, site: accepted` */
export function renderOutcome({ id, action, steps, outcome, reason }: ActionOutcome): string {
  const what = steps.length === 0 ? action : `${action} ${steps.join(', ')}`;
  const [result] = OUTCOME_TEXTS[outcome];
  return oneLine(`${id}: ${what}: ${result}${reason === undefined ? '' : `: ${reason}`}`);
}

/** `12 runs: 10 accepted, 2 refused` */
export function renderTotals(outcomes: readonly ActionOutcome[]): string {
  const totals = Object.entries(OUTCOME_TEXTS)
    .map(([of, [, text]]) => [outcomes.filter(({ outcome }) => outcome === of).length, text] as const)
    .filter(([total]) => total > 0)
    .map(([total, text]) => `${total} ${text}`);
  return `${count(outcomes.length, 'run')}: ${totals.join(', ')}`;
}

export function batchQuery(options: { query?: string; fleet?: string }): string | undefined {
  if (options.query?.trim() === '')
    throw new CliError(exitCodes.usage, '--query is empty: it would mean every run');
  return toQuery(options) || undefined;
}
