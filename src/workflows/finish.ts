import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { ResolvedStep } from '../domain/plan.ts';
import { readiness } from '../domain/schedule.ts';
import { isPartOver, type PartFailure } from '../domain/status.ts';
import type { Course } from './drive.ts';
import { workflowFailure } from './failures.ts';
import { drivePart } from './parts.ts';
import { activity } from './proxies.ts';
import { hostOf, stepStatus, type Run } from './run.ts';

/** Brings a host that is ours to its end: steps, finalizers, sentinel. Goes on from wherever the run's status is. */
export async function finishHost(run: Run, { parts, enter, refresh }: Course): Promise<'provisioned'> {
  await parts.run(async () => {
    if (run.status.phase !== 'finalizers') {
      enter('steps');
      await runSteps(run, refresh);
    }
    enter('finalizers');
    await runFinalizers(run, refresh);
  });

  enter('verifying');
  const path = run.status.sentinel;
  const content = sentinelContent(run);
  await activity.verifySentinel('write and read back the sentinel', { host: hostOf(run), path, content });
  return 'provisioned';
}

/** Every step as soon as what it needs is done. One that fails the run ends the others. */
async function runSteps(run: Run, refresh: () => void): Promise<void> {
  const scope = new CancellationScope();
  const outcomes = await scope.run(() =>
    Promise.allSettled(
      run.plan.steps.map(async (step) => {
        try {
          await driveStep(run, step, refresh);
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
  // The failure that cancelled the others says more than their cancellation.
  if (errors.length > 0) throw errors.find((error) => !isCancellation(error)) ?? errors[0];
  throwFirstFailure(run.status.steps);
}

/** Until every step is over, a person may have one that was over run again. */
async function driveStep(run: Run, step: ResolvedStep, refresh: () => void): Promise<void> {
  const status = stepStatus(run, step.name);
  do {
    // One that was begun is seen to its end, whatever has become of what it needs.
    await condition(() => status.state !== 'pending' || readiness(step, run.status.steps) !== 'waiting');
    if (status.state !== 'pending' || readiness(step, run.status.steps) === 'ready') {
      await drivePart(run, step, 'step', refresh);
    } else {
      status.state = 'blocked';
      refresh();
    }
    await condition(() => status.state === 'pending' || run.status.steps.every(isPartOver));
  } while (status.state === 'pending');
}

/** Finalizers, one after another in step order; none before every step is done. */
async function runFinalizers(run: Run, refresh: () => void): Promise<void> {
  for (const step of run.plan.steps) {
    if (step.finalize !== undefined) await drivePart(run, step, 'finalizer', refresh);
  }
  throwFirstFailure(run.status.steps.flatMap(({ finalizer }) => finalizer ?? []));
}

/** With `onStepFailure: continue` the failure comes once everything else is over. */
function throwFirstFailure(parts: readonly { state: string; failure?: PartFailure }[]): void {
  const failed = parts.find((part) => part.state === 'failed');
  if (failed?.failure) throw workflowFailure(failed.failure);
}

function sentinelContent(run: Run): string {
  return `${JSON.stringify({
    digest: run.digest,
    plan: run.plan.name,
    workflowId: run.holder.workflowId,
    runId: run.firstRunId,
    provisionedAt: new Date().toISOString(),
    steps: run.status.steps.map(({ name, state }) => ({ name, state })),
  })}\n`;
}
