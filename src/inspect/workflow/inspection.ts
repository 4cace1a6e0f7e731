import { workflowInfo } from '@temporalio/workflow';
import type { HostInspection, WorkerInspection } from '../../activities/activity-types.ts';
import type { CheckAnswer } from '../../domain/run/drift.ts';
import { stepsToCheck } from '../../domain/run/forecast.ts';
import { addressOf, makeLaunch } from '../../domain/run/ids.ts';
import { pinFiles } from '../../domain/plan/files.ts';
import { planDigest, resolvePlan } from '../../domain/plan/resolve-plan.ts';
import type { Plan, Target } from '../../domain/plan/schema.ts';
import { listPartRefs } from '../../domain/run/part.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { readFailure, workflowFailure } from '../../workflows/failures.ts';
import { activity } from '../../workflows/proxies.ts';
import { readInput, refuseInput, requireValid } from '../../workflows/read-input.ts';

/** What to inspect besides the worker itself. */
export interface InspectInput {
  readonly target?: Target;
  /** A plan: its host, and what a run would find there. Used instead of `target`. */
  readonly plan?: Plan;
  /** Counts how many sessions the host's sshd opens at once, and measures a login shell. Runs no check of the plan. */
  readonly countExecs?: boolean;
}

/** The result of an inspection. It contains a failure to reach the host, if there was one. */
export interface Inspection {
  /** By the server's clock, in milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly worker: WorkerInspection;
  readonly host?: HostInspection | { readonly failure: PartFailure };
  /** The answer of each step that has a check, unless the step is running. */
  readonly checks: readonly CheckAnswer[];
}

/**
 * Inspects a worker, a host through it, and what a run of a plan would find there. Changes nothing on the host, and answers or
 * fails soon.
 */
export async function inspectHost(input: InspectInput): Promise<Inspection> {
  await admit(input);
  const { plan: written, countExecs = false } = input;
  const target = written?.target ?? input.target;
  const self = activity.inspectWorker('inspect worker', { ...(written && { plan: written }) });
  // What the files of the worker are now is a part of the digests of the plan.
  const pins = written?.steps.some((step) => step.files) ? self.then((worker) => worker.pins) : undefined;
  const plan = written && pinFiles(written, await pins?.catch(() => undefined));
  const [worker, host] = await Promise.all([
    self.catch((error: unknown) => {
      throw workflowFailure(readFailure(error));
    }),
    target && inspectTarget(target, plan, countExecs),
  ]);
  const checks = plan && host && !('failure' in host) && !countExecs ? await askChecks(plan, host) : [];
  return {
    startedAtMs: workflowInfo().startTime.getTime(),
    worker,
    ...(host && { host }),
    checks,
  };
}

async function admit(input: InspectInput): Promise<void> {
  const { countExecs } = readInput(input);
  if (countExecs !== undefined && typeof countExecs !== 'boolean')
    throw refuseInput('countExecs must be true or false');
  const { plan, target } = input;
  if (plan !== undefined) await requireValid({ plan });
  else if (target !== undefined) await requireValid({ target });
}

/** Inspects a host, for a plan if there is one. Does not run the checks of the plan. */
export async function inspectTarget(
  target: Target,
  input: Plan | undefined,
  countExecs = false,
): Promise<HostInspection | { failure: PartFailure }> {
  const plan = input && resolvePlan(input);
  try {
    return await activity.inspectHost(`inspect ${addressOf(target)}`, {
      target,
      countExecs,
      ...(plan && { plan: plan.records, zmx: plan.zmx, parts: listPartRefs(plan.steps) }),
      ...(plan?.sentinel.path !== undefined && { sentinelPath: plan.sentinel.path }),
      ...(plan?.bootstrap?.marker !== undefined && { marker: plan.bootstrap.marker }),
      ...(input && { digest: planDigest(input) }),
    });
  } catch (error) {
    return { failure: readFailure(error) };
  }
}

/** So many checks run at once, so that all answers come within two minutes and a half even if none of the checks ends. */
const CHECKS_AT_ONCE = 32;

/** Runs the checks and compares the files, many at once; each may take as long as in a run. */
export async function askChecks(input: Plan, host: HostInspection): Promise<CheckAnswer[]> {
  // A host without the required tools cannot run a check as a run does.
  if (host.missing.tools.length > 0) return [];
  const { runId } = workflowInfo();
  const plan = resolvePlan(input);
  const steps = stepsToCheck(plan, planDigest(input), host);
  const answers = new Map<string, CheckAnswer>();
  const waiting = steps.values();
  const askInTurn = async () => {
    for (const step of waiting) {
      const { name } = step;
      const { id } = makeLaunch(runId, name, 'step', 1);
      const wanted = { target: plan.target, stateDir: host.facts.stateDir, step, id };
      try {
        answers.set(name, { step: name, ...(await activity.checkStep(`${name} · check`, wanted)) });
      } catch (error) {
        answers.set(name, { step: name, failure: readFailure(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, askInTurn));
  return steps.flatMap(({ name }) => answers.get(name) ?? []);
}
