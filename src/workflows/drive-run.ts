import { bytesAsJson } from '../domain/text/bytes-as-json.ts';
import {
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import { definedOnly } from '../domain/defined-only.ts';
import { createNotifier } from '../notify/workflow/notifier.ts';
import { endInFailure, endInSuccess } from './end-run.ts';
import { createFleetReports } from './fleet/report-to-fleet.ts';
import { handleActions } from './handle-actions.ts';
import { answerQueries } from './queries.ts';
import { createReporter } from './reporter.ts';
import type { ProvisionResult, RunKind } from './run-kind.ts';
import { describeLaunches, type Run } from './run.ts';
import { takeSnapshot } from './snapshot.ts';

/**
 * Drives a run to its end: answers queries, handles actions, continues as new when the history gets long, and cleans up on the
 * host however the run ends.
 */
export async function driveRun(run: Run, kind: RunKind): Promise<ProvisionResult> {
  const report = createReporter(run);
  const notifier = createNotifier(run);
  const fleet = createFleetReports(run);
  const work = new CancellationScope();
  const continuable = new CancellationScope({ cancellable: true, parent: work });
  run.onChange = () => {
    report();
    notifier.notify();
    fleet.report();
    if (workflowInfo().continueAsNewSuggested && canContinueAsNew(run, kind)) continuable.cancel();
  };
  const finishPending = async () => {
    await notifier.handedOver();
    await fleet.delivered();
    // Comes last: actions may arrive while notifications are handed over, and their senders must get an answer.
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  };
  answerQueries(
    () => run.status,
    () => describeLaunches(run),
  );
  handleActions(run, () => work.cancel(), run.onChange);

  try {
    const outcome = await work.run(() => kind.work(run, continuable));
    await endInSuccess(run, outcome);
    fleet.over();
    await finishPending();
    return resultOf(run, outcome);
  } catch (error) {
    const root = CancellationScope.current();
    const mustContinueAsNew = () =>
      isCancellation(error) &&
      continuable.consideredCancelled &&
      run.abortReason === undefined &&
      !root.consideredCancelled;
    if (mustContinueAsNew()) {
      await finishPending();
      // Meanwhile an action or a cancellation may have ended the run.
      if (mustContinueAsNew()) {
        log.info('continuing as new');
        await kind.continueAsNew(takeSnapshot(run));
      }
    }
    const failure = await endInFailure(run, kind, error);
    fleet.over();
    await finishPending();
    throw failure;
  }
}

/** The server accepts 2 MB for all arguments of a workflow. */
const MAX_ARGUMENT_BYTES = 1_500_000;

/**
 * Whether the state fits into the arguments of a fresh history. A run whose operators sent very long scripts stays in its old
 * one.
 */
function canContinueAsNew(run: Run, kind: RunKind): boolean {
  if (run.status.phase !== 'steps' && run.status.phase !== 'finalizers') return false;
  return bytesAsJson(takeSnapshot(run)) + kind.inputBytes() <= MAX_ARGUMENT_BYTES;
}

function resultOf({ status, digest }: Run, outcome: ProvisionResult['outcome']): ProvisionResult {
  return {
    outcome,
    host: status.host,
    digest,
    steps: status.steps.map(({ name, state, attempt, finalizer: last }) => {
      const finalizer = last && { state: last.state, attempt: last.attempt };
      return definedOnly({ name, state, attempt, finalizer });
    }),
    auditTrail: status.auditTrail,
  };
}
