import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { Part } from '../domain/run/part.ts';
import { readiness } from '../domain/plan/schedule.ts';
import { renderSentinel } from '../domain/run/sentinel.ts';
import { isPartOver, listSkipped, listUndone } from '../domain/run/status.ts';
import { askForRun } from './ask-host.ts';
import { sessionsToClose } from './end-run.ts';
import { workflowFailure } from './failures.ts';
import { drivePart } from './drive-part.ts';
import { isExcluded, settleUnchanged } from './part-records.ts';
import { activity } from './proxies.ts';
import { enterPhase, hostOf, leaseOf, type Run } from './run.ts';

/**
 * Runs steps and finalizers and writes the sentinel, from any state of the run. The work inside `movable` can continue as new.
 */
export async function finishHost(
  run: Run,
  movable: CancellationScope,
): Promise<'provisioned' | 'incomplete'> {
  const isComplete = await movable.run(async () => {
    if (run.status.phase !== 'finalizers') {
      enterPhase(run, 'steps');
      await runSteps(run);
      if (listUndone(run.status).length > 0) return false;
    }
    if (run.parts.some(({ kind }) => kind === 'finalizer')) enterPhase(run, 'finalizers');
    await runFinalizers(run);
    return true;
  });
  if (!isComplete) return 'incomplete';

  enterPhase(run, 'verifying');
  const path = run.status.sentinel;
  const content = renderSentinel(run.status, {
    digest: run.digest,
    workflowId: run.holder.workflowId,
    runId: run.holder.firstRunId,
    owner: run.owner,
    nowMs: Date.now(),
  });
  const summary = 'write and read back the sentinel';
  const wanted = {
    host: hostOf(run),
    path,
    content,
    ...leaseOf(run),
    close: sessionsToClose(run),
    keep: run.plan.keepSessions,
    ...(listSkipped(run.status).length === 0 && { owner: run.owner }),
  };
  const { released } = await askForRun(run, summary, run.plan.parkTimeoutMs, (options) =>
    activity.verifySentinel(summary, wanted, options),
  );
  if (released) run.lease = undefined;
  return 'provisioned';
}

/** Starts each step as soon as what it needs is done. A step that fails the run ends the others. */
async function runSteps(run: Run): Promise<void> {
  const scope = new CancellationScope();
  settleUnchanged(run, 'step');
  const steps = run.parts.filter(({ kind }) => kind === 'step');
  // Launches that the run continues for an earlier one are driven to their end.
  const wanted = steps.filter((part) => part.status.state !== 'pending' || !isExcluded(run, part));
  const outcomes = await scope.run(() =>
    Promise.allSettled(
      wanted.map(async (part) => {
        try {
          await driveStep(run, part);
        } catch (error) {
          scope.cancel();
          throw error;
        }
      }),
    ),
  );
  const errors: unknown[] = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  );
  // Report the failure that cancelled the others, not their cancellations.
  if (errors.length > 0) throw errors.find((error) => !isCancellation(error)) ?? errors[0];
  throwFirstFailure(steps);
  settleUnchanged(run, 'step');
}

/** Whether every step is over that the run drives. */
function areStepsOver(run: Run): boolean {
  return run.parts.every(
    (part) =>
      part.kind === 'finalizer' ||
      isPartOver(part.status) ||
      (part.status.state === 'pending' && isExcluded(run, part)),
  );
}

/** Drives a step until every step is over, because an operator may reset it until then. */
async function driveStep(run: Run, part: Part): Promise<void> {
  const { status } = part;
  do {
    // A step that has begun is driven to its end, even if a step that it needs was reset.
    await condition(() => status.state !== 'pending' || readiness(part.step, run.status.steps) !== 'waiting');
    settleUnchanged(run, 'step');
    if (status.state !== 'pending' || readiness(part.step, run.status.steps) === 'ready') {
      await drivePart(run, part);
    } else {
      status.state = 'blocked';
      run.onChange();
    }
    await condition(() => status.state === 'pending' || areStepsOver(run));
  } while (status.state === 'pending');
}

/** Runs one finalizer after another, in step order. */
async function runFinalizers(run: Run): Promise<void> {
  const finalizers = run.parts.filter(({ kind }) => kind === 'finalizer');
  settleUnchanged(run, 'finalizer');
  for (const part of finalizers) await drivePart(run, part);
  throwFirstFailure(finalizers);
}

/** With `onStepFailure: continue` the failure is thrown once all other parts are over. */
function throwFirstFailure(parts: readonly Part[]): void {
  const failed = parts.find(({ status }) => status.state === 'failed');
  if (failed?.status.failure) throw workflowFailure(failed.status.failure);
}
