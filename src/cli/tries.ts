import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../client.ts';
import type { PartStatus, RunStatus } from '../domain/status.ts';
import { CliError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { inTime, lookAt } from './look.ts';

/** A part whose tries are looked at. */
export interface TryRef {
  readonly client: ChandlerClient;
  readonly id: string;
  readonly step: string;
  readonly finalizer: boolean;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 300;

/**
 * The try that was asked for, or the latest. With `say` it waits for a part that will still start.
 *
 * @throws CliError usage if there is no such part or no such try; failed if it has not started
 */
export async function firstTry(
  ref: TryRef,
  wanted: number | undefined,
  say?: (line: string) => void,
): Promise<number> {
  const latest = partOf(await inTime(ref.client, () => ref.client.status(ref.id)), ref).generation;
  if (wanted !== undefined && latest > 0 && wanted > latest) {
    throw new CliError(
      exitCodes.usage,
      `${ref.step} has had ${latest === 1 ? 'one try' : `${latest} tries`} only`,
    );
  }
  if (latest > 0) return wanted ?? latest;
  if (!say) throw new CliError(exitCodes.failed, `${ref.step} has not started yet`);
  say('it has not started yet; waiting for it');
  const first = await awaitTry(ref, 0);
  if (first.generation === undefined)
    throw new CliError(exitCodes.failed, `${ref.step} did not run: ${first.end}`);
  return first.generation;
}

/** Waits until a part is tried again after its try `generation`, or tells why that will not happen by itself. */
export async function awaitTry(
  ref: TryRef,
  generation: number,
): Promise<{ generation: number } | { generation: undefined; end: string }> {
  for (;;) {
    const sight = await lookAt(ref.client, ref.id);
    if (sight.kind === 'status') {
      const next = nextTry(sight.status, partOf(sight.status, ref), generation);
      if (next) return next;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal: ref.signal });
  }
}

/** What follows a try, or nothing if that is not known yet. */
export function nextTry(
  status: Pick<RunStatus, 'endedAtMs'>,
  part: PartStatus,
  generation: number,
): { generation: number } | { generation: undefined; end: string } | undefined {
  // One after another, however many there have been since.
  if (part.generation > generation) return { generation: generation + 1 };
  const exit = part.exitCode === undefined ? '' : ` (exit ${part.exitCode})`;
  if (part.state === 'parked')
    return { generation: undefined, end: `it has failed${exit} and waits for a person` };
  const isOpen = part.state === 'running' || part.state === 'retrying' || part.state === 'pending';
  if (isOpen && status.endedAtMs === undefined) return undefined;
  return { generation: undefined, end: `it is over: ${part.state}${exit}` };
}

function partOf(status: RunStatus, { step, finalizer }: TryRef): PartStatus {
  const known = status.steps.find(({ name }) => name === step);
  if (!known) {
    const names = status.steps.map(({ name }) => name).join(', ');
    throw new CliError(exitCodes.usage, `there is no step "${step}"; the steps are ${names}`);
  }
  const part = finalizer ? known.finalizer : known;
  if (!part) throw new CliError(exitCodes.usage, `${step} has no finalizer`);
  return part;
}
