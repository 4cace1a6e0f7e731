import { isPartOver, type PartStatus, type RunStatus } from '../../domain/run/status.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { watchRun, type RunSource } from './watch-run.ts';

export interface PartRef {
  readonly step: string;
  readonly finalizer: boolean;
}

/** What follows an attempt: the next attempt, or why none starts by itself. */
export type NextAttempt =
  | { readonly attempt: number }
  | { readonly attempt: undefined; readonly end: string };

/**
 * Returns the requested attempt, or the latest; undefined if the part has not started.
 *
 * @throws CliError usage if there is no such part or attempt
 */
export function chooseAttempt(
  status: RunStatus,
  part: PartRef,
  wanted: number | undefined,
): number | undefined {
  const latest = partOf(status, part).attempt;
  if (latest === 0) return undefined;
  if (wanted === undefined || wanted <= latest) return wanted ?? latest;
  const had = latest === 1 ? 'only one attempt' : `only ${latest} attempts`;
  throw new CliError(exitCodes.usage, `${part.step} has had ${had}`);
}

/** Waits for the attempt after `attempt`. Throws the signal's reason once it is aborted. */
export async function awaitAttempt(source: RunSource, part: PartRef, attempt: number): Promise<NextAttempt> {
  const next = await watchRun(source, (run) =>
    run?.status ? nextAttempt(run.status, partOf(run.status, part), attempt) : undefined,
  );
  source.signal.throwIfAborted();
  return next!;
}

/** What follows an attempt; undefined if that is not known yet. */
export function nextAttempt(
  status: Pick<RunStatus, 'endedAtMs'>,
  part: PartStatus,
  attempt: number,
): NextAttempt | undefined {
  // Returns attempts one by one, even if several have started meanwhile.
  if (part.attempt > attempt) return { attempt: attempt + 1 };
  const exit = part.exitCode === undefined ? '' : ` (exit ${part.exitCode})`;
  if (part.state === 'parked') return { attempt: undefined, end: `it failed${exit} and needs attention` };
  if (!isPartOver(part) && status.endedAtMs === undefined) return undefined;
  return { attempt: undefined, end: `it is over: ${part.state}${exit}` };
}

/** @throws CliError usage if there is no such part */
export function partOf(status: RunStatus, { step, finalizer }: PartRef): PartStatus {
  const known = status.steps.find(({ name }) => name === step);
  if (!known) {
    const names = status.steps.map(({ name }) => name).join(', ');
    throw new CliError(exitCodes.usage, `there is no step "${step}"; the steps are ${names}`);
  }
  const part = finalizer ? known.finalizer : known;
  if (!part) throw new CliError(exitCodes.usage, `${step} has no finalizer`);
  return part;
}
