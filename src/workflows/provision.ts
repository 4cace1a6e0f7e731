import {
  CancelledFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostRef } from '../activities/types.ts';
import { boundedText } from '../domain/bounded-text.ts';
import type { ResolvedStep } from '../domain/plan.ts';
import type { Plan } from '../domain/schema.ts';
import { readiness, sentinelSaysDone } from '../domain/schedule.ts';
import type { PartFailure, RunStatus } from '../domain/status.ts';
import { admit } from './admission.ts';
import { failureOf, ranOutOfTime, readFailure, workflowFailure } from './failures.ts';
import { answerQueries, handleMessages } from './handlers.ts';
import { drivePart, killLaunches } from './parts.ts';
import { activity, admitPlan } from './proxies.ts';
import { createReporter } from './report.ts';
import {
  beginRun,
  carryRun,
  describeLaunches,
  hostOf,
  resumeRun,
  stepStatus,
  type CarriedRun,
  type Run,
} from './run.ts';

/** What a successful run answers. */
export interface ProvisionResult {
  readonly outcome: 'provisioned' | 'already-provisioned';
  readonly host: string;
  /** The digest of the plan's work, as written into the sentinel. */
  readonly digest: string;
  readonly steps: readonly { readonly name: string; readonly state: string; readonly generation: number }[];
}

/**
 * Provisions one host: probe, sentinel, bootstrap marker, zmx, steps, finalizers, sentinel.
 *
 * Fails with a type out of the closed set of failure codes (see domain/failure.ts).
 */
export async function provision(input: Plan, carried?: CarriedRun): Promise<ProvisionResult> {
  // Only a run that goes on in a fresh history has something to carry; nobody else may say so.
  if (carried && workflowInfo().continuedFromExecutionRunId !== undefined) {
    return drive(input, resumeRun(input, carried));
  }
  const { searchAttributes } = await admit(input, () => admitPlan(input));
  return drive(input, beginRun(input, searchAttributes));
}

async function drive(input: Plan, run: Run): Promise<ProvisionResult> {
  const report = createReporter();
  const work = new CancellationScope();
  /** What can be left at any moment and taken up again in a fresh history. */
  const parts = new CancellationScope({ cancellable: true, parent: work });
  const refresh = () => {
    report(run);
    if (workflowInfo().continueAsNewSuggested && canMove(input, run)) parts.cancel();
  };
  const enter = (phase: RunStatus['phase']) => {
    run.status.phase = phase;
    refresh();
  };
  answerQueries(
    () => run.status,
    () => describeLaunches(run),
  );
  handleMessages(run, () => work.cancel(), refresh);

  try {
    const outcome = await work.run(() => provisionHost(run, parts, enter, refresh));
    run.ending = true;
    run.status.endedAtMs = Date.now();
    enter(outcome);
    await release(run);
    await answered();
    return {
      outcome,
      host: run.status.host,
      digest: run.digest,
      steps: run.status.steps.map(({ name, state, generation }) => ({ name, state, generation })),
    };
  } catch (error) {
    const { consideredCancelled } = CancellationScope.current();
    if (
      isCancellation(error) &&
      parts.consideredCancelled &&
      run.abortReason === undefined &&
      !consideredCancelled
    ) {
      log.info('going on in a fresh history');
      await answered();
      await continueAsNew<typeof provision>(input, carryRun(run));
    }
    run.ending = true;
    const aborted = run.abortReason !== undefined;
    // An order that had failed before it could be cancelled tells of its own failure.
    const cancelled = isCancellation(error) || consideredCancelled;
    const mayBeWritten = run.status.phase === 'verifying';
    const leftovers = await killLaunches(run, aborted || cancelled ? 'all' : 'running');
    run.status.endedAtMs = Date.now();
    run.status.failure = describeEnd(run, cancelled, error, leftovers);
    enter(aborted || cancelled ? 'aborted' : 'failed');
    await release(run, mayBeWritten ? run.status.sentinel : undefined);
    await answered();
    if (!aborted && cancelled) throw isCancellation(error) ? error : new CancelledFailure('cancelled');
    throw workflowFailure(run.status.failure);
  }
}

/** Whoever sent a message that the run has taken gets an answer before the run is over. */
function answered(): Promise<void> {
  return CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}

async function provisionHost(
  run: Run,
  parts: CancellationScope,
  enter: (phase: RunStatus['phase']) => void,
  refresh: () => void,
): Promise<ProvisionResult['outcome']> {
  if (run.status.phase === 'connecting' && !(await takeHost(run, enter))) return 'already-provisioned';

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

/** Makes the host ours and ready for steps; false if its sentinel says that nothing is left to do. */
async function takeHost(run: Run, enter: (phase: RunStatus['phase']) => void): Promise<boolean> {
  const { plan } = run;
  enter('connecting');
  const { target, sentinel, bootstrap } = plan;
  const prepared = await activity.prepareHost(
    'probe host',
    {
      target,
      holder: run.holder,
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
  const zmx = await activity.installZmx('install zmx', { host: run.host, zmx: plan.zmx });
  run.host = { ...run.host, zmx };
  run.status.attach = `ZMX_DIR=${prepared.facts.zmxDir} ${zmx.path} attach NAME`;
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

/** Bytes. The engine takes 2 MB for all arguments of a workflow. */
const MAX_CARRIED_BYTES = 1_500_000;

/** Whether the run is where it can be taken up again. One that a person gave very long scripts stays where it is. */
function canMove(input: Plan, run: Run): boolean {
  if (run.status.phase !== 'steps' && run.status.phase !== 'finalizers') return false;
  return new TextEncoder().encode(JSON.stringify([input, carryRun(run)])).length <= MAX_CARRIED_BYTES;
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

async function driveStep(run: Run, step: ResolvedStep, refresh: () => void): Promise<void> {
  await condition(() => readiness(step, run.status.steps) !== 'waiting');
  if (readiness(step, run.status.steps) === 'ready') return drivePart(run, step, 'step', refresh);
  stepStatus(run, step.name).state = 'blocked';
  refresh();
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

/** Closes the sessions that are not to be kept, takes back a sentinel that must not stay, lets others have the host. */
async function release(run: Run, withdraw?: string): Promise<void> {
  if (!run.leased) return;
  const { keepSessions } = run.plan;
  const failed = new Set([...run.live.values()].map(({ launch }) => launch.id));
  const close = run.host?.zmx
    ? run.launched.filter(
        ({ id }) => keepSessions === 'none' || (keepSessions === 'failed' && !failed.has(id)),
      )
    : [];
  try {
    await CancellationScope.nonCancellable(() =>
      activity.releaseHost('release host', {
        host: hostOf(run),
        holder: run.holder,
        close,
        ...(withdraw !== undefined && { withdraw }),
      }),
    );
  } catch (error) {
    // The outcome stands. The lease of a workflow that is over is replaced by the next one.
    log.warn(`the host was not released: ${String(error)}`);
  }
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

/** Characters: every launch of a long run may tell why it could not be killed. */
const MAX_LEFTOVERS_LENGTH = 8000;

function describeEnd(run: Run, cancelled: boolean, error: unknown, leftovers: string[]): PartFailure {
  const left = leftovers.length === 0 ? '' : boundedText(` (${leftovers.join('; ')})`, MAX_LEFTOVERS_LENGTH);
  if (run.abortReason !== undefined) return failureOf('aborted', `aborted: ${run.abortReason}${left}`);
  if (cancelled) return failureOf('aborted', `cancelled${left}`);
  const failure = readFailure(error);
  return { ...failure, message: `${failure.message}${left}` };
}
