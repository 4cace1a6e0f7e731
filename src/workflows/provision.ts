import { bytesAsJson } from '../domain/text/bytes-as-json.ts';
import { continueAsNew, workflowInfo, type ApplicationFailure } from '@temporalio/workflow';
import type { Lack } from '../activities/activity-types.ts';
import { isDoneAlready } from '../domain/run/forecast.ts';
import { pinFiles } from '../domain/plan/files.ts';
import { formatProblems } from '../domain/plan/problems.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { admit } from './admission.ts';
import { adoptLaunches } from './adopt-launches.ts';
import { isAccessTrouble, isBootTrouble, isNetworkTrouble } from './ask-host.ts';
import { awaitBootstrap } from './await-bootstrap.ts';
import { driveRun } from './drive-run.ts';
import type { ProvisionResult, RunKind } from './run-kind.ts';
import { ensureZmx, showAttach } from './ensure-zmx.ts';
import { readFailure, workflowFailure } from './failures.ts';
import { finishHost } from './finish-host.ts';
import { isBusy, prepareHost } from './prepare-host.ts';
import { admitPlan } from './proxies.ts';
import { beginRun, enterPhase, type Run } from './run.ts';
import { restoreRun, type RunSnapshot } from './snapshot.ts';

/**
 * Provisions one host: probe, sentinel, bootstrap, zmx, steps, finalizers, sentinel.
 *
 * Its failures have a type of the closed set of failure codes (domain/run/failure.ts).
 */
export async function provision(input: Plan, snapshot?: RunSnapshot): Promise<ProvisionResult> {
  if (snapshot) return driveRun(restoreRun(input, snapshot), provisioning(input));
  const admission = await admit(input, () => admitPlan(input));
  const plan = pinFiles(input, admission.pins);
  return driveRun(beginRun(plan, admission), provisioning(plan, admission.lacks));
}

function provisioning(input: Plan, lacks: readonly Lack[] = []): RunKind {
  return {
    async work(run, continuable) {
      if (run.status.phase === 'connecting' && !(await takeHost(run, lacks))) return 'already-provisioned';
      return finishHost(run, continuable);
    },
    async onCut(run, untilMs) {
      if (run.lease === undefined && wasReset()) await retakeHost(run, untilMs);
    },
    continueAsNew: (snapshot) => continueAsNew<typeof provision>(input, snapshot),
    inputBytes: () => bytesAsJson(input),
  };
}

/**
 * Leases the host and prepares it for steps. Returns false if its sentinel shows that nothing is left to do. Fails first if the
 * worker lacks something that the plan names, unless steps may be running already, of an earlier run or of this run before a
 * reset: they must not end for that.
 */
async function takeHost(run: Run, lacks: readonly Lack[]): Promise<boolean> {
  const { plan } = run;
  enterPhase(run, 'connecting');
  const isReset = wasReset();
  if (!isReset && lacks.some(({ failure }) => failure.code === 'identity-unavailable'))
    throw lackFailure(lacks);
  // Before a run has anything on the host, it waits only for network trouble and for a first boot to pass.
  const isTrouble = isReset
    ? isAccessTrouble
    : plan.bootstrap?.login === 'wait'
      ? isBootTrouble
      : isNetworkTrouble;
  const prepared = await prepareHost(run, 'probe host', isTrouble);
  run.onChange();
  if (!isBusy(prepared) && isDoneAlready(plan, run.digest, prepared)) return false;
  if (!isReset && lacks.length > 0 && !isBusy(prepared)) throw lackFailure(lacks);

  if (plan.bootstrap) {
    enterPhase(run, 'waiting-for-bootstrap');
    await awaitBootstrap(run, plan.bootstrap);
  }

  const { zmx } = prepared;
  if (zmx) {
    showAttach(run, zmx.path);
  } else {
    enterPhase(run, 'installing-zmx');
    await ensureZmx(run);
  }
  await adoptLaunches(run, prepared);
  run.onChange();
  return true;
}

/**
 * Takes the host of a run that was reset and has not reached it again: launches from before the reset may be alive there. A host
 * that another run has since taken has none of them.
 */
async function retakeHost(run: Run, untilMs: number): Promise<void> {
  try {
    await prepareHost(run, 'find what ran before the reset', isNetworkTrouble, untilMs - Date.now());
  } catch (error) {
    const { code } = readFailure(error);
    if (code !== 'lease-held' && code !== 'leftovers-found') throw error;
  }
}

/** One failure that names everything that the worker lacks, with the advice for all of it. */
function lackFailure(lacks: readonly Lack[]): ApplicationFailure {
  const problems = lacks.map(({ path, failure }) => ({ path, message: failure.message }));
  const [code = 'internal-error'] = lacks.map(({ failure }) => failure.code);
  const advice = [...new Set(lacks.map(({ failure }) => failure.advice))].join(' ');
  return workflowFailure({ code, message: formatProblems(problems), advice }, { problems });
}

/** Whether an operator has reset the workflow. Steps of the run may then be running on a host that cannot be reached. */
function wasReset(): boolean {
  const { runId, firstExecutionRunId, continuedFromExecutionRunId } = workflowInfo();
  return runId !== firstExecutionRunId && continuedFromExecutionRunId === undefined;
}
