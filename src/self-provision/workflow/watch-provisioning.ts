import { bytesAsJson } from '../../domain/text/bytes-as-json.ts';
import { continueAsNew } from '@temporalio/workflow';
import { definedOnly } from '../../domain/defined-only.ts';
import { durationMs } from '../../domain/text/duration.ts';
import { sentinelSaysDone } from '../../domain/run/sentinel.ts';
import type { Plan, WatchInput } from '../../domain/plan/schema.ts';
import { admit } from '../../workflows/admission.ts';
import { adoptLaunches } from '../../workflows/adopt-launches.ts';
import { askForRun, isNetworkTrouble } from '../../workflows/ask-host.ts';
import { driveRun } from '../../workflows/drive-run.ts';
import type { ProvisionResult, RunKind } from '../../workflows/run-kind.ts';
import { describeEnding } from '../../workflows/end-launches.ts';
import { ensureZmx } from '../../workflows/ensure-zmx.ts';
import { finishHost } from '../../workflows/finish-host.ts';
import { isBusy, prepareHost } from '../../workflows/prepare-host.ts';
import { activity, admitWatch } from '../../workflows/proxies.ts';
import { beginRun, endWait, enterPhase, type Run } from '../../workflows/run.ts';
import { restoreRun, type RunSnapshot } from '../../workflows/snapshot.ts';
import { followScript } from './follow-script.ts';

/** A host may take long until it can be reached when it boots for the first time. */
const CONNECT_MS = 30 * 60_000;
const DEFAULT_TIMEOUT_MS = 86_400_000;

/** The state of a watch that has taken the host over and continues as new. */
interface WatchSnapshot {
  readonly plan: Plan;
  readonly run: RunSnapshot;
}

/**
 * Follows a self-provisioning host to its sentinel. When its script has failed, an operator may retry or skip the failed steps as
 * in {@link provision}: then the watch takes the host over, continues the script's work, and finishes the host. `abort` ends the
 * script and everything it has started; cancelling a watch only stops watching.
 *
 * Its failures have a type of the closed set of failure codes (domain/run/failure.ts).
 */
export async function watchProvisioning(
  input: WatchInput,
  snapshot?: WatchSnapshot,
): Promise<ProvisionResult> {
  if (snapshot) return driveRun(restoreRun(snapshot.plan, snapshot.run), watching(input, snapshot.plan));
  const admission = await admit(input, () => admitWatch(input));
  const unknownPlan = planOf(input, { name: 'self-provisioned', steps: [] });
  return driveRun(beginRun(unknownPlan, admission), watching(input));
}

/** The plan that the host's script carries, with the target and the other settings of the input. */
function planOf(input: WatchInput, scriptPlan: Omit<Plan, 'target'>): Plan {
  const { timeout: _, ...known } = input;
  return { ...scriptPlan, ...definedOnly(known) };
}

function watching(input: WatchInput, known?: Plan): RunKind {
  let plan = known;
  return {
    async work(run, movable) {
      if (!plan) {
        run.isWatching = true;
        const learn = (scriptPlan: Omit<Plan, 'target'>) => (plan = planOf(input, scriptPlan));
        const end = await watchHost(run, input, learn).finally(() => endWait(run));
        if (end !== 'take-over') return end;
        if (await takeOver(run)) return 'provisioned';
      }
      return finishHost(run, movable);
    },
    continueAsNew: (snapshot) => {
      if (!plan) throw new TypeError('a watch without a plan has no snapshot');
      return continueAsNew<typeof watchProvisioning>(input, { plan, run: snapshot });
    },
    inputBytes: () => bytesAsJson([input, plan]),
    async onAbort(run, untilMs) {
      const { host } = run;
      if (!run.isWatching || !host) return;
      const summary = 'stop the script';
      await askForRun(
        run,
        summary,
        untilMs - Date.now(),
        (options) => activity.stopScript(summary, { host }, options),
        { isTrouble: isNetworkTrouble, describe: describeEnding },
      );
    },
  };
}

async function watchHost(
  run: Run,
  input: WatchInput,
  learn: (scriptPlan: Omit<Plan, 'target'>) => Plan,
): Promise<ProvisionResult['outcome'] | 'take-over'> {
  const { target } = input;
  enterPhase(run, 'connecting');
  const facts = await askForRun(
    run,
    'probe host',
    durationMs(target.connectTimeout, CONNECT_MS),
    (options) => activity.probeHost('probe host', { target }, options),
    { isUnboundedInQueue: true, isTrouble: isNetworkTrouble },
  );
  run.host = { target, facts };
  const deadlineMs = Date.now() + durationMs(input.timeout, DEFAULT_TIMEOUT_MS);
  run.status.waitingFor = "the host's own script to begin";
  run.status.waitingUntilMs = deadlineMs;
  enterPhase(run, 'waiting-for-script');
  return followScript(run, input, deadlineMs, learn);
}

/** Leases the host and adopts what its script has done. Returns true if nothing is left to do. */
async function takeOver(run: Run): Promise<boolean> {
  const { phase } = run.status;
  const prepared = await prepareHost(run, 'take the host over');
  run.isWatching = false;
  if (!isBusy(prepared) && sentinelSaysDone(prepared.sentinel, run.digest, 'skip-if-same-plan')) return true;
  enterPhase(run, 'installing-zmx');
  await ensureZmx(run);
  await adoptLaunches(run, prepared);
  if (phase === 'finalizers') enterPhase(run, phase);
  run.onChange();
  return false;
}
