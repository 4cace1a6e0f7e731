import { isCancellation } from '@temporalio/workflow';
import { formatExit } from '../domain/launch-state.ts';
import type { ResolvedStep } from '../domain/plan.ts';
import { label, type Launch } from '../domain/ids.ts';
import type { PartFailure } from '../domain/status.ts';
import { kill } from './ending.ts';
import { failureOf, ranOutOfTime, readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { hostOf, type LiveLaunch, type Run } from './run.ts';
import { rest, timeoutMs } from './timeouts.ts';

/** How often a launch that never begins is started again before a person is asked. */
const MAX_STARTS = 5;

/** Starts a launch and waits for its end. */
export async function runLaunch(
  run: Run,
  step: ResolvedStep,
  launch: Launch,
): Promise<'succeeded' | 'satisfied' | PartFailure> {
  const live = run.live.get(launch.id) ?? { launch, ended: false };
  run.live.set(launch.id, live);
  try {
    const outcome = await startAndWait(run, step, live);
    run.live.delete(launch.id);
    return outcome;
  } catch (error) {
    if (isCancellation(error)) throw error;
    const failure = readFailure(error);
    live.ended ||= failure.exitCode !== undefined;
    return failure;
  }
}

/** A launch that never began is started again, which its record makes harmless. */
async function startAndWait(
  run: Run,
  step: ResolvedStep,
  live: LiveLaunch,
): Promise<'succeeded' | 'satisfied'> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await startOnce(run, step, live, starts);
    } catch (error) {
      if (readFailure(error).code !== 'launch-not-started' || starts === MAX_STARTS) throw error;
    }
  }
}

async function startOnce(
  run: Run,
  step: ResolvedStep,
  live: LiveLaunch,
  starts: number,
): Promise<'succeeded' | 'satisfied'> {
  const host = hostOf(run);
  const { launch } = live;
  if (launch.kind === 'finalizer') {
    const order = { host, step, launch, starts };
    await inTime(run, step, live, (options) => activity.finalizeStep(label(launch), order, options));
    return 'succeeded';
  }
  const started = await activity.runStep(`${label(launch)} · start`, { host, step, launch, starts });
  if (started === 'satisfied') return 'satisfied';
  const waiting = { host, launch, secrets: step.secrets };
  await inTime(run, step, live, (options) => activity.waitStep(`${label(launch)} · wait`, waiting, options));
  return 'succeeded';
}

/** A wait that has used up the step's time ends the step, unless the step had ended by itself meanwhile. */
async function inTime(
  run: Run,
  step: ResolvedStep,
  live: LiveLaunch,
  wait: (options: { scheduleToCloseTimeout: number }) => Promise<unknown>,
): Promise<void> {
  live.waitingSinceMs ??= Date.now();
  for (let granted = 0; granted !== timeoutMs(run, step);) {
    granted = timeoutMs(run, step);
    try {
      await wait({ scheduleToCloseTimeout: rest(granted, live.waitingSinceMs) });
      return;
    } catch (error) {
      if (!ranOutOfTime(error)) throw error;
    }
    // The engine gives a wait no more time than it began with; to wait once more for the same launch is harmless.
  }
  await endLate(run, step, live);
}

/** Ends a launch whose time is over, and fails, unless it had succeeded by itself meanwhile. */
async function endLate(run: Run, step: ResolvedStep, live: LiveLaunch): Promise<void> {
  const { launch } = live;
  live.late = true;
  const { exitCode, left } = await kill(run, launch);
  if (exitCode === 0) return;
  live.ended = live.cleared = left === 0;
  const code = launch.kind === 'finalizer' ? 'finalizer-failed' : 'step-failed';
  const seconds = timeoutMs(run, step) / 1000;
  const failure =
    exitCode === undefined
      ? failureOf('step-timeout', `${label(launch)} took longer than ${seconds} s and was ended`)
      : { ...failureOf(code, `${label(launch)}: ${formatExit(exitCode)}`), exitCode };
  throw workflowFailure(failure);
}
