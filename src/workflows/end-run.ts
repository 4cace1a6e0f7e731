import { CancelledFailure, CancellationScope, isCancellation, log } from '@temporalio/workflow';
import type { Launch } from '../domain/run/ids.ts';
import { cleanWords, type KeptSessions } from '../domain/run/leftovers.ts';
import { hasTrouble, type PartFailure } from '../domain/run/status.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { render, sh } from '../shell/index.ts';
import { askForRun, isNetworkTrouble } from './ask-host.ts';
import type { ProvisionResult, RunKind } from './run-kind.ts';
import { describeEnding, killLaunches } from './end-launches.ts';
import { failureOf, readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { enterPhase, hostOf, type Run } from './run.ts';

/** How long a run that ends waits for its host: normally; after the host could not be reached before; and at least. */
const END_PATIENCE_MS = 300_000;
const LOST_PATIENCE_MS = 30_000;
const MIN_PATIENCE_MS = 10_000;

/** Releases the host of a run that has reached its goal. */
export async function endInSuccess(run: Run, outcome: ProvisionResult['outcome']): Promise<void> {
  run.isEnding = true;
  run.status.endedAtMs = Date.now();
  enterPhase(run, outcome);
  const untilMs = Date.now() + END_PATIENCE_MS;
  await release(run, { untilMs, keepLease: false, keep: run.plan.keepSessions });
}

/** Ends what still runs, releases the host, and returns the failure of the run. */
export async function endInFailure(run: Run, kind: RunKind, error: unknown): Promise<unknown> {
  const { status } = run;
  const { consideredCancelled } = CancellationScope.current();
  run.isEnding = true;
  const isAborted = run.abortReason !== undefined;
  // If an activity fails just before it is cancelled, the error is its own failure.
  const isCancelled = isCancellation(error) || consideredCancelled;
  const mayBeWritten = status.phase === 'verifying';
  const untilMs = Date.now() + (hasTrouble(status) ? LOST_PATIENCE_MS : END_PATIENCE_MS);
  delete status.trouble;
  const isCut = isAborted || isCancelled;
  const leftovers = isCut ? await findForgotten(run, kind, untilMs) : [];
  leftovers.push(...(await killLaunches(run, isCut ? 'all' : 'open', untilMs)));
  if (isAborted) leftovers.push(...(await endScript(run, kind, untilMs)));
  status.endedAtMs = Date.now();
  status.failure = describeEnd(run, isCancelled, error, leftovers);
  enterPhase(run, isCut ? 'aborted' : 'failed');
  await release(run, {
    untilMs: Math.max(untilMs, Date.now() + MIN_PATIENCE_MS),
    keepLease: leftovers.length > 0,
    keep: isCut ? keptOfCut(run) : run.plan.keepSessions,
    ...(mayBeWritten && { withdraw: status.sentinel }),
  });
  if (!isAborted && isCancelled) return isCancellation(error) ? error : new CancelledFailure('cancelled');
  return workflowFailure(status.failure, { auditTrail: status.auditTrail });
}

/** A run that is cut short keeps the sessions of launches that succeeded, if it keeps all. */
function keptOfCut({ plan }: Run): KeptSessions {
  return plan.keepSessions === 'all' ? 'succeeded' : 'none';
}

/** Finds launches that the run has forgotten, so that they can be ended. Returns why that failed. */
async function findForgotten(run: Run, kind: RunKind, untilMs: number): Promise<string[]> {
  try {
    await CancellationScope.nonCancellable(async () => kind.onCut?.(run, untilMs));
    return [];
  } catch (error) {
    return [`what ran before the reset may still run: ${readFailure(error).message}`];
  }
}

/** Ends what runs on the host without being a launch of Chandler's. Returns why that failed. */
async function endScript(run: Run, kind: RunKind, untilMs: number): Promise<string[]> {
  try {
    await CancellationScope.nonCancellable(async () => kind.onAbort?.(run, untilMs));
    return [];
  } catch (error) {
    return [readFailure(error).message];
  }
}

/**
 * Closes sessions that need not be kept, withdraws a sentinel that must not stay, and releases the lease. If the run may have
 * left something alive, the lease stays, so that the next run finds it.
 */
async function release(
  run: Run,
  {
    untilMs,
    keepLease,
    keep,
    withdraw,
  }: { untilMs: number; keepLease: boolean; keep: KeptSessions; withdraw?: string },
): Promise<void> {
  const { lease } = run;
  if (lease === undefined) return;
  try {
    const wanted = {
      host: hostOf(run),
      ...(!keepLease && { lease }),
      close: sessionsToClose(run),
      keep,
      ...(withdraw !== undefined && { withdraw }),
    };
    const summary = 'release host';
    await CancellationScope.nonCancellable(() =>
      askForRun(
        run,
        summary,
        untilMs - Date.now(),
        (options) => activity.releaseHost(summary, wanted, options),
        { isTrouble: isNetworkTrouble, describe: describeEnding },
      ),
    );
  } catch (error) {
    // The outcome stands. The next run replaces the lease of a finished workflow.
    log.warn(`the host was not released: ${String(error)}`);
    delete run.status.trouble;
    run.onChange();
  }
}

/** The launches whose sessions are not kept. */
export function sessionsToClose({ plan, host, parts }: Run): Launch[] {
  if (!host?.zmx || plan.keepSessions === 'all') return [];
  return parts
    .filter(({ kind }) => kind === 'step')
    .flatMap(({ launches }) => launches)
    .filter(({ state }) => plan.keepSessions === 'none' || state === 'succeeded')
    .map(({ launch }) => launch);
}

/** In characters. Each launch of a long run may add a reason why it could not be killed. */
const MAX_LEFTOVERS_LENGTH = 8000;

function describeEnd(run: Run, isCancelled: boolean, error: unknown, leftovers: string[]): PartFailure {
  const left = leftovers.length === 0 ? '' : boundedText(` (${leftovers.join('; ')})`, MAX_LEFTOVERS_LENGTH);
  if (run.abortReason !== undefined) return abortOf(run, `aborted (${run.abortReason})${left}`, leftovers);
  if (isCancelled) return abortOf(run, `cancelled${left}`, leftovers);
  const failure = readFailure(error);
  return { ...failure, message: `${failure.message}${left}` };
}

/** The failure of an aborted run. Its advice is about what was verified to run on the host, and nothing else. */
function abortOf(run: Run, message: string, leftovers: readonly string[]): PartFailure {
  return { ...failureOf('aborted', message), advice: describeRemains(run, leftovers) };
}

function describeRemains(run: Run, leftovers: readonly string[]): string {
  if (leftovers.length > 0) {
    const clean = (...more: string[]) => render(sh('chandler', ...cleanWords(run.plan.target, ...more)));
    return `What could not be ended may still run. Show it with: ${clean()} — end it with: ${clean('--end')}`;
  }
  if (run.host === undefined) return 'No step had begun.';
  if (run.isWatching && run.abortReason === undefined) return "The host's own script was not ended.";
  return 'All its steps that still ran were ended. Services that finished steps left running were not.';
}
