import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import { formatDuration } from '../domain/duration.ts';
import { makeLaunch, sessionName, type Launch } from '../domain/ids.ts';
import { formatExit } from '../domain/launch-state.ts';
import type { ResolvedStep } from '../domain/plan.ts';
import { afterFailure, dependents, readiness } from '../domain/schedule.ts';
import { listParts, type PartFailure, type PartStatus } from '../domain/status.ts';
import { timeoutMs } from './extensions.ts';
import { failureOf, ranOutOfTime, readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { applyChange, makePending } from './resets.ts';
import { currentStep, hostOf, partKey, stepStatus, type Decision, type LiveLaunch, type Run } from './run.ts';

/** Seconds between TERM and KILL. */
const KILL_GRACE_S = 5;
/** How often a launch that never begins is started again before a person is asked. */
const MAX_STARTS = 5;

/**
 * Runs a step or its finalizer until it is done, or has failed for good (then its state says so, or this throws).
 * Retries by policy first; then the plan's `onStepFailure` decides. The state of the part says what comes next, so that
 * a run goes on from its status in a fresh history.
 */
export async function drivePart(
  run: Run,
  step: ResolvedStep,
  kind: Launch['kind'],
  refresh: () => void,
): Promise<void> {
  const part = partOf(run, step, kind);
  const key = partKey(kind, step.name);
  const change = (changes: Partial<PartStatus>) => {
    Object.assign(part, changes);
    refresh();
  };
  // Only steps are set back, and only until the finalizers begin.
  const setBack = () => kind === 'step' && run.resets.has(step.name);
  // What needs it and is to be set back must have ended before it begins again.
  const needy = dependents(step.name, run.plan.steps);
  const beginNext = async () => {
    await condition(() => !run.status.paused && !needy.some((name) => run.resets.has(name)));
    // Meanwhile what it needs may have been set back.
    if (kind === 'step' && readiness(step, run.status.steps) !== 'ready') return false;
    run.tries.set(key, (run.tries.get(key) ?? 0) + 1);
    begin(run, part, makeLaunch(run.owner, step.name, kind, part.generation + 1));
    refresh();
    return true;
  };
  for (;;) {
    const launch = makeLaunch(run.owner, step.name, kind, part.generation);
    if (setBack()) {
      // What it did is about to be done again, so nothing of it may be alive any more.
      const remains = await endRemains(run, { ...launch, id: '' });
      run.resets.delete(step.name);
      if (!remains) {
        makePending(run, stepStatus(run, step.name));
        return refresh();
      }
      change({ state: 'parked', failure: remains, endedAtMs: Date.now() });
    }
    switch (part.state) {
      case 'pending':
        if (!(await beginNext())) return;
        break;
      case 'running': {
        const outcome = await interruptible(
          run,
          step.name,
          async () =>
            (await endRemains(run, launch)) ?? (await runLaunch(run, currentStep(run, step, kind), launch)),
        );
        if (outcome === undefined) break;
        if (typeof outcome === 'string') return change({ state: outcome, endedAtMs: Date.now() });
        const { code, exitCode } = outcome;
        const next = afterFailure(step, run.tries.get(key) ?? 1, code, run.plan.onStepFailure);
        change({
          state: STATE_AFTER[next],
          endedAtMs: Date.now(),
          failure: outcome,
          ...(exitCode !== undefined && { exitCode }),
        });
        if (next === 'fail') throw workflowFailure(outcome);
        break;
      }
      case 'retrying': {
        const tries = run.tries.get(key) ?? 1;
        await interruptible(run, step.name, () =>
          sleep(rest(step.retry.backoffMs, part.endedAtMs), {
            summary: `${label(launch)} · before try ${tries + 1}`,
          }),
        );
        if (!setBack()) await beginNext();
        break;
      }
      case 'parked': {
        const decision = await waitForPerson(run, launch, part, change);
        if (decision === 'set back') break;
        if (decision.kind === 'skip') return change({ state: 'skipped' });
        applyChange(run, key, decision);
        run.tries.delete(key);
        // From here on nobody has anything to decide, also while the run is paused.
        change({ state: 'pending' });
        break;
      }
      default:
        return;
    }
  }
}

/** Does something that ends early, with nothing, when the step is to be set back. */
async function interruptible<T>(run: Run, step: string, work: () => Promise<T>): Promise<T | undefined> {
  const scope = new CancellationScope();
  run.interrupts.set(step, () => scope.cancel());
  try {
    return await scope.run(work);
  } catch (error) {
    const only = isCancellation(error) && !CancellationScope.current().consideredCancelled;
    if (only && run.resets.has(step)) return undefined;
    throw error;
  } finally {
    run.interrupts.delete(step);
  }
}

const STATE_AFTER = { retry: 'retrying', park: 'parked', fail: 'failed', continue: 'failed' } as const;

/** What is left of a time that began at a moment; the engine takes no less than a millisecond. */
function rest(ms: number, sinceMs = Date.now()): number {
  return Math.max(1, ms - (Date.now() - sinceMs));
}

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

/** Ends what earlier launches of a part may have left alive, or may still begin; tells why that failed. */
async function endRemains(run: Run, { id, step, kind }: Launch): Promise<PartFailure | undefined> {
  try {
    for (const live of run.live.values()) {
      const { launch } = live;
      if (live.cleared || launch.id === id || launch.step !== step || launch.kind !== kind) continue;
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

/** Starts a launch and waits for its end. */
async function runLaunch(
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

async function kill(run: Run, launch: Launch, keepSession = false) {
  const input = { host: hostOf(run), launch, graceS: KILL_GRACE_S, keepSession };
  return activity.killStep(`${label(launch)} · kill`, input);
}

async function waitForPerson(
  run: Run,
  launch: Launch,
  part: PartStatus,
  change: (changes: Partial<PartStatus>) => void,
): Promise<Decision | 'set back'> {
  const { step } = launch;
  const setBack = () => launch.kind === 'step' && run.resets.has(step);
  const summary = `${label(launch)} · parked: retryStep, skipStep or abort`;
  for (;;) {
    const left = rest(run.plan.parkTimeoutMs, part.endedAtMs);
    await condition(() => run.decisions.has(step) || setBack(), left, { summary });
    if (setBack()) return 'set back';
    const decision = run.decisions.get(step);
    if (!decision) {
      const waited = formatDuration(run.plan.parkTimeoutMs);
      throw workflowFailure(
        failureOf('parked-too-long', `${step} was parked for ${waited} and nobody acted`),
      );
    }
    // What follows a skipped step must not meet anything of it.
    const remains = decision.kind === 'skip' ? await endRemains(run, { ...launch, id: '' }) : undefined;
    run.decisions.delete(step);
    if (!remains) return decision;
    change({ failure: remains });
  }
}

function begin(run: Run, part: PartStatus, launch: Launch): void {
  run.decisions.delete(launch.step);
  part.generation = launch.generation;
  part.state = 'running';
  part.startedAtMs = Date.now();
  delete part.endedAtMs;
  delete part.exitCode;
  delete part.failure;
  const session = sessionName(launch);
  if (session === undefined) return;
  stepStatus(run, launch.step).session = session;
  run.launched.push(launch);
}

function partOf(run: Run, step: ResolvedStep, kind: Launch['kind']): PartStatus {
  const status = stepStatus(run, step.name);
  if (kind === 'step') return status;
  if (!status.finalizer) throw new TypeError(`${step.name} has no finalizer`);
  return status.finalizer;
}

/** `px-egress`, `px-egress (finalizer)`, `px-egress.2` */
function label(launch: Launch): string {
  return (
    sessionName(launch) ?? `${launch.step} (finalizer)${launch.generation > 1 ? ` ${launch.generation}` : ''}`
  );
}
