import type { ChandlerClient } from '../client.ts';
import { count } from '../domain/count.ts';
import { oneLine } from '../domain/terminal.ts';
import { activePart, isPartOver, type RunStatus, type StepStatus } from '../domain/status.ts';
import { CliError, explainError, isNoWorker } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import type { OutputOf } from './output-schema.ts';
import { toQuery } from './runs.ts';
import { inTime, lookAt } from './look.ts';

/** What can be wanted of a run, or of steps of it: one order goes to many runs. */
export interface OrderKind {
  readonly action: string;
  /** The steps of a run that it can be about; without it, it is about the run as a whole. */
  readonly fits?: (step: StepStatus) => boolean;
  /** What to say when it fits none: `nothing is parked`. */
  readonly unfit?: string;
  readonly send: (client: ChandlerClient, id: string, step: string) => Promise<unknown>;
}

/** What became of an order to one run. */
export type OrderOutcome = OutputOf<'order'>;

/** So many runs are spoken to at once. */
const AT_ONCE = 8;
/** A worker that has just answered is waited for longer: an order that went out cannot be called back. */
const TAKE_MS = 30_000;

export const isParked = (step: StepStatus): boolean => activePart(step).state === 'parked';
export const mayRun = (step: StepStatus): boolean => !isPartOver(activePart(step));

/** Which steps of a run an order is about, all that it fits or the one that is named; or why none. */
export function chooseSteps(
  order: Pick<OrderKind, 'fits' | 'unfit'>,
  status: RunStatus,
  only: string | undefined,
): { readonly steps: string[]; readonly reason?: string } {
  const { fits, unfit = 'nothing is to do' } = order;
  if (!fits) return { steps: [] };
  if (only !== undefined && !status.steps.some(({ name }) => name === only))
    return { steps: [], reason: `there is no step "${only}"` };
  const steps = status.steps
    .filter((step) => (only === undefined || step.name === only) && fits(step))
    .map(({ name }) => name);
  return steps.length === 0 ? { steps, reason: unfit } : { steps };
}

/** Sends an order to runs, several at once, each as soon as it can; outcomes come as they are known. */
export async function* orderAll(
  client: ChandlerClient,
  ids: readonly string[],
  order: OrderKind,
  { step, dryRun }: { readonly step: string | undefined; readonly dryRun: boolean },
): AsyncGenerator<OrderOutcome, void> {
  const waiting = [...ids];
  const underWay = new Map<string, Promise<OrderOutcome>>();
  for (;;) {
    while (underWay.size < AT_ONCE) {
      const id = waiting.shift();
      if (id === undefined) break;
      underWay.set(id, orderOne(client, id, order, step, dryRun));
    }
    if (underWay.size === 0) return;
    const outcome = await Promise.race(underWay.values());
    underWay.delete(outcome.id);
    yield outcome;
  }
}

/** Sends an order to a run that has just answered. */
export function sendInTime(
  client: ChandlerClient,
  id: string,
  step: string,
  order: OrderKind,
): Promise<unknown> {
  return inTime(client, () => order.send(client, id, step), TAKE_MS);
}

async function orderOne(
  client: ChandlerClient,
  id: string,
  order: OrderKind,
  only: string | undefined,
  dryRun: boolean,
): Promise<OrderOutcome> {
  const about = { id, action: order.action };
  let steps: string[] = [];
  try {
    // Asked first, so that nothing is left waiting for a worker that may come back hours later.
    const sight = await lookAt(client, id);
    if (sight.kind === 'silent')
      return { ...about, steps, outcome: 'refused', reason: `no ${sight.who} answers` };
    const chosen = chooseSteps(order, sight.status, only);
    ({ steps } = chosen);
    if (chosen.reason !== undefined)
      return { ...about, steps, outcome: 'nothing-to-do', reason: chosen.reason };
    if (dryRun) return { ...about, steps, outcome: 'would-be-sent' };
    for (const step of order.fits ? steps : ['']) await sendInTime(client, id, step, order);
    return { ...about, steps, outcome: 'taken' };
  } catch (error) {
    const { text, exitCode } = explainError(error);
    // Nobody else would be answered either.
    if (exitCode === exitCodes.unreachable) throw error;
    const unknown = { outcome: 'unknown', reason: 'no answer in time; it may yet be taken' } as const;
    if (isNoWorker(error)) return { ...about, steps, ...unknown };
    return { ...about, steps, outcome: 'refused', reason: oneLine(text) };
  }
}

/** `provision:10.0.0.7:22: retry packages, site: taken` */
export function renderOutcome({ id, action, steps, outcome, reason }: OrderOutcome): string {
  const what = steps.length === 0 ? action : `${action} ${steps.join(', ')}`;
  const says = {
    taken: 'taken',
    refused: 'not taken',
    unknown: 'unknown',
    'nothing-to-do': 'nothing to do',
    'would-be-sent': 'would be sent',
  };
  return oneLine(`${id}: ${what}: ${says[outcome]}${reason === undefined ? '' : `: ${reason}`}`);
}

/** `12 runs: 10 taken, 2 not taken` */
export function renderSum(outcomes: readonly OrderOutcome[]): string {
  const told = (of: OrderOutcome['outcome'], words: string) => {
    const n = outcomes.filter(({ outcome }) => outcome === of).length;
    return n === 0 ? [] : [`${n} ${words}`];
  };
  const parts = [
    ...told('taken', 'taken'),
    ...told('refused', 'not taken'),
    ...told('unknown', 'unknown'),
    ...told('nothing-to-do', 'with nothing to do'),
    ...told('would-be-sent', 'would be sent to'),
  ];
  return `${count(outcomes.length, 'run')}: ${parts.join(', ')}`;
}

/** The visibility query that options mean; undefined if neither is given. */
export function orderQuery(options: { query?: string; fleet?: string }): string | undefined {
  if (options.query?.trim() === '')
    throw new CliError(exitCodes.usage, '--query is empty: it would mean every run');
  return toQuery(options) || undefined;
}
