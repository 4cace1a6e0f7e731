import {
  CancelledFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  isCancellation,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import { boundedText } from '../domain/bounded-text.ts';
import type { Intervention, PartFailure, PartState, RunStatus } from '../domain/status.ts';
import { failureOf, readFailure, workflowFailure } from './failures.ts';
import { answerQueries, handleMessages } from './handlers.ts';
import { killLaunches } from './ending.ts';
import { createNotifier } from './notify.ts';
import { activity } from './proxies.ts';
import { createReporter } from './report.ts';
import { describeLaunches, hostOf, type Run } from './run.ts';
import { carryRun, type CarriedRun } from './carry.ts';

/** What a successful run answers. */
export interface ProvisionResult {
  readonly outcome: 'provisioned' | 'already-provisioned';
  readonly host: string;
  /** The digest of the plan's work, as written into the sentinel. */
  readonly digest: string;
  readonly steps: readonly {
    readonly name: string;
    readonly state: PartState;
    readonly generation: number;
  }[];
  /** What people have done to the run: the latest 100. Runs of older builds do not tell. */
  readonly interventions?: readonly Intervention[];
}

/** What the work of a run may use to say where it is. */
export interface Course {
  /** What can be left at any moment and taken up again in a fresh history. */
  readonly parts: CancellationScope;
  readonly enter: (phase: RunStatus['phase']) => void;
  readonly refresh: () => void;
}

/** What makes one kind of run differ from another. */
export interface Kind {
  work(run: Run, course: Course): Promise<ProvisionResult['outcome']>;
  /** Goes on in a fresh history. */
  again(carried: CarriedRun): Promise<never>;
  /** Ends what runs on the host without being a launch of ours. */
  onAbort?(run: Run): Promise<void>;
  /** Bytes of what a fresh history is told beside the run. */
  readonly inputBytes: () => number;
}

/**
 * Leads a run to its end: answers queries, takes messages, goes on in a fresh history when this one gets long, and cleans
 * up on the host however it ends.
 */
export async function drive(run: Run, kind: Kind): Promise<ProvisionResult> {
  const report = createReporter();
  const notifier = createNotifier(run);
  const work = new CancellationScope();
  const parts = new CancellationScope({ cancellable: true, parent: work });
  const refresh = () => {
    report(run);
    notifier.look();
    if (workflowInfo().continueAsNewSuggested && canMove(run, kind)) parts.cancel();
  };
  const enter = (phase: RunStatus['phase']) => {
    run.status.phase = phase;
    refresh();
  };
  // Messages last: one may come while the engine takes what is to be told.
  const settleUp = async () => {
    await notifier.handedOver();
    await answered();
  };
  answerQueries(
    () => run.status,
    () => describeLaunches(run),
  );
  handleMessages(run, () => work.cancel(), refresh);

  try {
    const outcome = await work.run(() => kind.work(run, { parts, enter, refresh }));
    run.ending = true;
    run.status.endedAtMs = Date.now();
    enter(outcome);
    await release(run);
    await settleUp();
    return {
      outcome,
      host: run.status.host,
      digest: run.digest,
      steps: run.status.steps.map(({ name, state, generation }) => ({ name, state, generation })),
      interventions: run.status.interventions,
    };
  } catch (error) {
    const root = CancellationScope.current();
    const mayGoOn = () => run.abortReason === undefined && !root.consideredCancelled;
    if (isCancellation(error) && parts.consideredCancelled && mayGoOn()) {
      await settleUp();
      // Meanwhile somebody may have ended the run.
      if (mayGoOn()) {
        log.info('going on in a fresh history');
        await kind.again(carryRun(run));
      }
    }
    run.ending = true;
    const { consideredCancelled } = root;
    const aborted = run.abortReason !== undefined;
    // An order that had failed before it could be cancelled tells of its own failure.
    const cancelled = isCancellation(error) || consideredCancelled;
    const mayBeWritten = run.status.phase === 'verifying';
    const leftovers = await killLaunches(run, aborted || cancelled ? 'all' : 'running');
    if (aborted) leftovers.push(...(await endForeign(run, kind)));
    run.status.endedAtMs = Date.now();
    run.status.failure = describeEnd(run, cancelled, error, leftovers);
    enter(aborted || cancelled ? 'aborted' : 'failed');
    await release(run, mayBeWritten ? run.status.sentinel : undefined);
    await settleUp();
    if (!aborted && cancelled) throw isCancellation(error) ? error : new CancelledFailure('cancelled');
    throw workflowFailure(run.status.failure, { interventions: run.status.interventions });
  }
}

/** Tells what of the host's own would not end. */
async function endForeign(run: Run, kind: Kind): Promise<string[]> {
  try {
    await CancellationScope.nonCancellable(async () => kind.onAbort?.(run));
    return [];
  } catch (error) {
    return [readFailure(error).message];
  }
}

/** Whoever sent a message that the run has taken gets an answer before the run is over. */
function answered(): Promise<void> {
  return CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}

/** Bytes. The engine takes 2 MB for all arguments of a workflow. */
const MAX_CARRIED_BYTES = 1_500_000;

/** Whether the run is where it can be taken up again. One that a person gave very long scripts stays where it is. */
function canMove(run: Run, kind: Kind): boolean {
  if (run.status.phase !== 'steps' && run.status.phase !== 'finalizers') return false;
  const carried = new TextEncoder().encode(JSON.stringify(carryRun(run))).length;
  return carried + kind.inputBytes() <= MAX_CARRIED_BYTES;
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

/** Characters: every launch of a long run may tell why it could not be killed. */
const MAX_LEFTOVERS_LENGTH = 8000;

function describeEnd(run: Run, cancelled: boolean, error: unknown, leftovers: string[]): PartFailure {
  const left = leftovers.length === 0 ? '' : boundedText(` (${leftovers.join('; ')})`, MAX_LEFTOVERS_LENGTH);
  if (run.abortReason !== undefined) return failureOf('aborted', `aborted: ${run.abortReason}${left}`);
  if (cancelled) return failureOf('aborted', `cancelled${left}`);
  const failure = readFailure(error);
  return { ...failure, message: `${failure.message}${left}` };
}
