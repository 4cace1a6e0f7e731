import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import { formatDuration } from '../domain/duration.ts';
import { label, makeLaunch, sessionName, type Launch } from '../domain/ids.ts';
import type { ResolvedStep } from '../domain/plan.ts';
import { afterFailure, dependents, readiness } from '../domain/schedule.ts';
import type { PartStatus } from '../domain/status.ts';
import { endRemains } from './ending.ts';
import { failureOf, workflowFailure } from './failures.ts';
import { runLaunch } from './launching.ts';
import { applyChange, clearOutcome, makePending } from './resets.ts';
import { currentStep, partKey, stepStatus, type Decision, type Run } from './run.ts';
import { rest } from './timeouts.ts';

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
      const remains = await endRemains(run, launch);
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
            (await endRemains(run, launch, launch)) ??
            (await runLaunch(run, currentStep(run, step, kind), launch)),
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
        clearOutcome(part);
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
    const remains = decision.kind === 'skip' ? await endRemains(run, launch) : undefined;
    if (setBack()) return 'set back';
    run.decisions.delete(step);
    if (!remains) return decision;
    change({ failure: remains });
  }
}

function begin(run: Run, part: PartStatus, launch: Launch): void {
  run.decisions.delete(launch.step);
  clearOutcome(part);
  part.generation = launch.generation;
  part.state = 'running';
  part.startedAtMs = Date.now();
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
