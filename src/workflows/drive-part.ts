import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import { formatDuration } from '../domain/text/duration.ts';
import { PARKED_ACTIONS } from '../domain/run/actions.ts';
import { label } from '../domain/run/ids.ts';
import { hasSucceeded } from '../domain/run/launch-state.ts';
import { afterFailure, dependents, readiness } from '../domain/plan/schedule.ts';
import type { Decision, Part, Retry } from '../domain/run/part.ts';
import type { PartFailure } from '../domain/run/status.ts';
import { askHost } from './ask-host.ts';
import { endRemains } from './end-launches.ts';
import { failureOf, readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { resetAfter } from './reset-steps.ts';
import { runLaunch } from './run-launch.ts';
import { hostOf, stepOf, type Run } from './run.ts';
import { timeLeftMs } from './time-left.ts';

/**
 * Runs a step or a finalizer until it is over, or until a reset has put it back to pending. The next action follows from the
 * state of the part alone, so that a run can continue from its snapshot.
 *
 * @throws ApplicationFailure if the run must fail with it
 */
export async function drivePart(run: Run, part: Part): Promise<void> {
  for (;;) {
    if (part.isResetting && (await resetPart(run, part))) return;
    if (part.forcedRetry && part.status.state === 'running') await endForRetry(run, part, part.forcedRetry);
    switch (part.status.state) {
      case 'pending':
        if (!(await beginAttempt(run, part))) return;
        break;
      case 'running':
        await awaitAttempt(run, part);
        break;
      case 'retrying':
        await awaitBackoff(run, part);
        break;
      case 'parked':
        await awaitOperator(run, part);
        break;
      default:
        return;
    }
  }
}

/** Puts a part back to pending once its processes have ended; otherwise parks it. Returns whether it is pending. */
async function resetPart(run: Run, part: Part): Promise<boolean> {
  const remains = await endRemains(run, part);
  part.isResetting = false;
  if (remains) park(run, part, remains);
  else {
    part.makePending();
    run.onChange();
  }
  return !remains;
}

/** Ends the running launch of a part that an operator retries with `force`. */
async function endForRetry(run: Run, part: Part, retry: Retry): Promise<void> {
  const remains = await endRemains(run, part);
  part.decision = undefined;
  acceptRetry(run, part, retry);
  if (remains) park(run, part, remains);
}

function acceptRetry(run: Run, part: Part, retry: Retry): void {
  part.attempts = 0;
  part.override(retry);
  part.enter('pending');
  run.onChange();
}

function park(run: Run, part: Part, failure: PartFailure): void {
  part.end('parked', Date.now(), failure);
  run.onChange();
}

/** Begins the next attempt. Returns false if a step that it needs was reset meanwhile. */
async function beginAttempt(run: Run, part: Part): Promise<boolean> {
  // Steps that need this one and are being reset must end before it runs again.
  const dependentParts = dependents(part.name, run.plan.steps).map((name) => stepOf(run, name));
  const mayBegin = () =>
    !run.status.paused &&
    !dependentParts.some(({ isResetting }) => isResetting) &&
    !mustWaitForReboot(run, part);
  // Another step may begin as soon as the condition holds.
  while (!mayBegin()) {
    if (mustWaitForReboot(run, part)) showRebootWait(run, part);
    await condition(mayBegin);
  }
  delete part.status.waitingFor;
  if (part.kind === 'step' && readiness(part.step, run.status.steps) !== 'ready') return false;
  part.begin(run.owner, Date.now());
  run.onChange();
  return true;
}

/** Whether a part must wait until others are over, because it may reboot the host, or because one that runs may. */
function mustWaitForReboot({ parts }: Run, part: Part): boolean {
  return parts.some((other) => {
    const { state } = other.status;
    if (other === part) return false;
    if (!part.mayReboot) return other.mayReboot && state === 'running';
    // A reboot would also end the terminal of a parked step.
    return state === 'running' || state === 'retrying' || state === 'parked';
  });
}

function showRebootWait(run: Run, part: Part): void {
  part.status.waitingFor = part.mayReboot
    ? 'the other steps, because it may reboot the host'
    : 'a step that may reboot the host';
  run.onChange();
}

async function awaitAttempt(run: Run, part: Part): Promise<void> {
  const outcome = await interruptible(
    part,
    async () => (await endRemains(run, part, part.launchOf(run.owner))) ?? (await runLaunch(run, part)),
  );
  // An interrupted attempt may have been launched.
  if (outcome !== 'satisfied') part.latest = part.launchOf(run.owner).id;
  if (outcome === undefined) return;
  if (typeof outcome === 'string') {
    if (part.kind === 'step' && outcome === 'succeeded') resetAfter(run, part);
    part.end(outcome, Date.now());
    return run.onChange();
  }
  const next = afterFailure(part.step, part.attempts, outcome.code, run.plan.onStepFailure);
  part.end(STATE_AFTER[next], Date.now(), outcome);
  run.onChange();
  if (next === 'fail') throw workflowFailure(outcome);
}

const STATE_AFTER = { retry: 'retrying', park: 'parked', fail: 'failed', continue: 'failed' } as const;

async function awaitBackoff(run: Run, part: Part): Promise<void> {
  const backoffMs = timeLeftMs(part.step.retry.backoffMs, part.status.endedAtMs);
  const summary = `${label(part.launchOf(run.owner))} · before attempt ${part.attempts + 1}`;
  await interruptible(part, () => sleep(backoffMs, { summary }));
  if (!part.isResetting) await beginAttempt(run, part);
}

/** Runs `work`, which ends early with undefined when the part is reset or retried with `force`. */
async function interruptible<T>(part: Part, work: () => Promise<T>): Promise<T | undefined> {
  const scope = new CancellationScope();
  part.interrupt = () => scope.cancel();
  try {
    return await scope.run(work);
  } catch (error) {
    const isInterrupted = isCancellation(error) && !CancellationScope.current().consideredCancelled;
    if (isInterrupted && (part.isResetting || part.forcedRetry)) return undefined;
    throw error;
  } finally {
    part.interrupt = undefined;
  }
}

/** Waits until an operator retries, skips or resets a parked part. */
async function awaitOperator(run: Run, part: Part): Promise<void> {
  const decision = await takeDecision(run, part);
  if (!decision) return;
  if (decision.kind === 'skip') {
    part.status.state = 'skipped';
    return run.onChange();
  }
  part.attempts = 0;
  if (acceptsLatest(decision)) {
    const found = await inspectLatest(run, part);
    if (part.isResetting || part.decision) return;
    if (typeof found === 'object') return park(run, part, found);
    if (found === 'alive or done') return waitAgain(run, part);
  }
  acceptRetry(run, part, decision);
}

/** Returns undefined if the part is being reset. */
async function takeDecision(run: Run, part: Part): Promise<Decision | undefined> {
  const summary = `${label(part.launchOf(run.owner))} · parked: ${PARKED_ACTIONS}`;
  for (;;) {
    const leftMs = timeLeftMs(run.plan.parkTimeoutMs, part.status.endedAtMs);
    await condition(() => part.decision !== undefined || part.isResetting, leftMs, { summary });
    if (part.isResetting) return undefined;
    const { decision } = part;
    if (!decision) {
      const waited = formatDuration(run.plan.parkTimeoutMs);
      const message = `${part.name} was parked for ${waited} without an action`;
      throw workflowFailure(failureOf('parked-too-long', message));
    }
    // Processes of a skipped step must not disturb the steps that follow.
    const remains = decision.kind === 'skip' ? await endRemains(run, part) : undefined;
    if (part.isResetting) return undefined;
    part.decision = undefined;
    if (!remains) return decision;
    part.status.failure = remains;
    run.onChange();
  }
}

/** Whether a retry can continue the latest launch. Another script or environment requires a new launch. */
function acceptsLatest({ force, script, env }: Retry): boolean {
  return !force && script === undefined && env === undefined;
}

/** Finds out whether a parked launch is running or has succeeded. Waits for a host that cannot be reached. */
async function inspectLatest(run: Run, part: Part): Promise<'alive or done' | 'over' | PartFailure> {
  const launch = part.launchOf(run.owner);
  const known = part.findLaunch(launch);
  if (known?.state !== 'open' || known.isEnding) return 'over';
  const untilMs = Date.now() + run.plan.parkTimeoutMs;
  const wanted = { host: hostOf(run), launch };
  try {
    const state = await askHost(run, {
      place: part.status,
      summary: label(launch),
      ask: (options) => activity.inspectLaunch(`${label(launch)} · inspect`, wanted, options),
      deadlineMs: () => untilMs,
    });
    const isGood = state.kind === 'running' || hasSucceeded(state);
    return isGood ? 'alive or done' : 'over';
  } catch (error) {
    return readFailure(error);
  }
}

/** Makes the run wait for the latest launch again, with the full timeout. */
function waitAgain(run: Run, part: Part): void {
  const { startedAtMs } = part.status;
  part.track(part.launchOf(run.owner), 'open');
  part.enter('running');
  if (startedAtMs !== undefined) part.status.startedAtMs = startedAtMs;
  run.onChange();
}
