import { CancellationScope } from '@temporalio/workflow';
import { label, type Launch } from '../domain/run/ids.ts';
import type { Part } from '../domain/run/part.ts';
import type { PartFailure } from '../domain/run/status.ts';
import { askHost, withPending, type HostQuestion, isNetworkTrouble } from './ask-host.ts';
import { failureOf, readFailure } from './failures.ts';
import type { Killed } from '../activities/activity-types.ts';
import { activity } from './proxies.ts';
import { hostOf, type Run } from './run.ts';

/** In seconds, between TERM and KILL. */
const KILL_GRACE_S = 5;
/** How long an action waits for a host that cannot be reached. */
const ACTION_PATIENCE_MS = 300_000;

/**
 * Ends launches that may be alive, even if the workflow is cancelled meanwhile. Waits until `untilMs` for a host that cannot be
 * reached. Returns what could not be ended.
 */
export async function killLaunches(run: Run, which: 'open' | 'all', untilMs: number): Promise<string[]> {
  const found = run.parts.flatMap((part) =>
    part.launches
      .filter(({ state }) => state === 'open' || (which === 'all' && state !== 'succeeded'))
      .map(({ launch }) => ({ part, launch })),
  );
  return CancellationScope.nonCancellable(async () => {
    const outcomes = await Promise.all(
      found.map(async ({ part, launch }) => {
        try {
          const { left } = await askHost(run, {
            ...askToKill(run, part, launch),
            deadlineMs: () => untilMs,
            isTrouble: isNetworkTrouble,
            describe: describeEnding,
          });
          return left === 0 ? [] : [`${left} processes of ${label(launch)} would not die`];
        } catch (error) {
          return [`${label(launch)} could not be killed and may still run: ${readFailure(error).message}`];
        }
      }),
    );
    for (const part of run.parts) part.close(Date.now());
    return outcomes.flat();
  });
}

/** Describes trouble while a run ends. */
export function describeEnding(failure: PartFailure): PartFailure {
  return withPending('ending;', failure);
}

/**
 * Ends all processes of a part's launches, except `spared`, and prevents launches that have not begun. Waits for a host that
 * cannot be reached. Returns why that failed.
 */
export async function endRemains(run: Run, part: Part, spared?: Launch): Promise<PartFailure | undefined> {
  const untilMs = Date.now() + (spared ? run.plan.parkTimeoutMs : ACTION_PATIENCE_MS);
  try {
    for (const each of part.launches) {
      const { launch, state } = each;
      if (state === 'cleared' || state === 'succeeded' || launch.id === spared?.id) continue;
      each.isEnding = true;
      const { left } = await askHost(run, {
        // The session of an ended launch stays open for operators; only its background processes are ended.
        ...askToKill(run, part, launch, state === 'ended'),
        deadlineMs: () => untilMs,
      });
      if (left > 0)
        return failureOf('step-interrupted', `${left} processes of ${label(launch)} would not die`);
      each.state = 'cleared';
    }
    return undefined;
  } catch (error) {
    return readFailure(error);
  }
}

/** The question that ends a launch: every process with the launch's marker, and its session unless that is kept. */
export function askToKill(
  run: Run,
  part: Part,
  launch: Launch,
  keepSession = false,
): Pick<HostQuestion<Killed>, 'place' | 'summary' | 'ask'> {
  const input = { host: hostOf(run), launch, graceS: KILL_GRACE_S, keepSession };
  return {
    place: part.status,
    summary: label(launch),
    ask: (options) => activity.killStep(`${label(launch)} · kill`, input, options),
  };
}
