import { CancellationScope } from '@temporalio/workflow';
import { label, type Launch } from '../domain/ids.ts';
import { listParts, type PartFailure, type PartStatus } from '../domain/status.ts';
import { failureOf, readFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { hostOf, type Run } from './run.ts';

/** Seconds between TERM and KILL. */
const KILL_GRACE_S = 5;

/** Ends launches that may be alive, whatever happens to the workflow meanwhile; tells what would not end. */
export async function killLaunches(run: Run, which: 'running' | 'all'): Promise<string[]> {
  const launches = [...run.live.values()].filter((live) => which === 'all' || !live.ended);
  return CancellationScope.nonCancellable(async () => {
    const outcomes = await Promise.all(
      launches.map(async ({ launch }) => {
        try {
          const { left } = await kill(run, launch);
          return left === 0 ? [] : [`${left} processes of ${label(launch)} would not die`];
        } catch (error) {
          return [`${label(launch)} could not be killed: ${readFailure(error).message}`];
        }
      }),
    );
    for (const { part } of listParts(run.status)) closePart(part);
    return outcomes.flat();
  });
}

/** Ends what launches of a part, but for the one spared, may have left alive or may still begin; tells why that failed. */
export async function endRemains(
  run: Run,
  { step, kind }: Pick<Launch, 'step' | 'kind'>,
  spared?: Launch,
): Promise<PartFailure | undefined> {
  try {
    for (const live of run.live.values()) {
      const { launch } = live;
      if (live.cleared || launch.id === spared?.id || launch.step !== step || launch.kind !== kind) continue;
      // The session of one that has ended stays for a person; what it left in the background goes.
      const { left } = await kill(run, launch, live.ended);
      if (left > 0)
        return failureOf('step-interrupted', `${left} processes of ${label(launch)} would not die`);
      live.ended = true;
      live.cleared = true;
    }
    return undefined;
  } catch (error) {
    return readFailure(error);
  }
}

/** What a part becomes when the run ends around it: nobody waits for a person any more. */
function closePart(part: PartStatus): void {
  if (part.state === 'parked') part.state = 'failed';
  if (part.state !== 'running' && part.state !== 'retrying') return;
  part.state = 'killed';
  part.endedAtMs = Date.now();
}

/** Ends a launch: all that its marker is found on, and its session unless that is to stay. */
export async function kill(run: Run, launch: Launch, keepSession = false) {
  const input = { host: hostOf(run), launch, graceS: KILL_GRACE_S, keepSession };
  return activity.killStep(`${label(launch)} · kill`, input);
}
