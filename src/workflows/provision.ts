import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { HostRef } from '../activities/types.ts';
import { sentinelSaysDone } from '../domain/schedule.ts';
import type { Plan } from '../domain/schema.ts';
import { admit } from './admission.ts';
import { adoptLaunches, installZmx } from './adopt.ts';
import { drive, type Course, type Kind, type ProvisionResult } from './drive.ts';
import { failureOf, ranOutOfTime, readFailure, workflowFailure } from './failures.ts';
import { finishHost } from './finish.ts';
import { activity, admitPlan } from './proxies.ts';
import { beginRun, type Run } from './run.ts';
import { resumeRun, type CarriedRun } from './carry.ts';

/**
 * Provisions one host: probe, sentinel, bootstrap marker, zmx, steps, finalizers, sentinel.
 *
 * Fails with a type out of the closed set of failure codes (see domain/failure.ts).
 */
export async function provision(input: Plan, carried?: CarriedRun): Promise<ProvisionResult> {
  // Only a run that goes on in a fresh history has something to carry; nobody else may say so.
  if (carried && workflowInfo().continuedFromExecutionRunId !== undefined) {
    return drive(resumeRun(input, carried), provisioning(input));
  }
  const admission = await admit(input, () => admitPlan(input));
  return drive(beginRun(input, admission), provisioning(input));
}

function provisioning(input: Plan): Kind {
  return {
    async work(run, course) {
      if (run.status.phase === 'connecting' && !(await takeHost(run, course))) return 'already-provisioned';
      return finishHost(run, course);
    },
    again: (carried) => continueAsNew<typeof provision>(input, carried),
    inputBytes: () => new TextEncoder().encode(JSON.stringify(input)).length,
  };
}

/** Makes the host ours and ready for steps; false if its sentinel says that nothing is left to do. */
async function takeHost(run: Run, { enter, refresh }: Course): Promise<boolean> {
  const { plan } = run;
  enter('connecting');
  const { target, sentinel, bootstrap } = plan;
  const prepared = await activity.prepareHost(
    'probe host',
    {
      target,
      holder: run.holder,
      digest: run.digest,
      pruneAfterDays: plan.pruneAfterDays,
      ...(sentinel.path !== undefined && { sentinelPath: sentinel.path }),
    },
    { scheduleToCloseTimeout: plan.connectTimeoutMs },
  );
  run.status.sentinel = prepared.sentinelPath;
  run.host = { target, facts: prepared.facts };
  run.leased = true;
  if (sentinelSaysDone(prepared.sentinel, run.digest, sentinel.whenPresent)) return false;

  if (bootstrap) {
    enter('waiting-for-bootstrap');
    await awaitBootstrap(run, run.host, bootstrap);
  }

  enter('installing-zmx');
  await installZmx(run);
  await adoptLaunches(run, prepared.script);
  refresh();
  return true;
}

/** However often the connection breaks meanwhile, the marker has its time, and what is missing at its end is the marker. */
async function awaitBootstrap(
  run: Run,
  host: HostRef,
  bootstrap: { marker: string; timeoutMs: number },
): Promise<void> {
  try {
    await activity.awaitBootstrap(
      'wait for the bootstrap marker',
      { host, ...bootstrap },
      { scheduleToCloseTimeout: bootstrap.timeoutMs + run.plan.connectTimeoutMs },
    );
  } catch (error) {
    if (!ranOutOfTime(error)) throw error;
    const { message } = readFailure(error);
    throw workflowFailure(failureOf('bootstrap-timeout', `${bootstrap.marker} did not appear: ${message}`));
  }
}
