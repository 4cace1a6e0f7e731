import { workflowInfo } from '@temporalio/workflow';
import type { HostSight, WorkerSight } from '../activities/types.ts';
import { stepsToCheck } from '../domain/forecast.ts';
import { addressOf, makeLaunch } from '../domain/ids.ts';
import { planDigest, resolvePlan, type ResolvedPlan, type ResolvedStep } from '../domain/plan.ts';
import { formatProblems } from '../domain/problems.ts';
import type { Plan, Target } from '../domain/schema.ts';
import type { PartFailure } from '../domain/status.ts';
import { partsOf } from './adopt.ts';
import { failureOf, readFailure, workflowFailure } from './failures.ts';
import { whyUnreadable } from './payload-converter.ts';
import { activity, admitPlan, admitWatch } from './proxies.ts';

/** What to look at, beside the worker itself. */
export interface InspectInput {
  /** A host. */
  readonly target?: Target;
  /** A plan, instead: its host, and what a run would find there. */
  readonly plan?: Plan;
  /** Tries how many sessions the host's sshd opens at once. */
  readonly trySessions?: boolean;
}

/** How a check ended: its exit code, 124 after a minute; or why it could not be asked. */
export type CheckAnswer =
  { readonly step: string; readonly code: number } | { readonly step: string; readonly failure: PartFailure };

/** What was found. What fails on the way to the host is an answer, too. */
export interface Inspection {
  /** By the engine's clock. Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly worker: WorkerSight;
  readonly host?: HostSight | { readonly failure: PartFailure };
  /** Of the steps whose check a run would ask now. */
  readonly checks: readonly CheckAnswer[];
}

/**
 * Looks at a worker, at a host through it, and at what a plan would find there. Changes nothing on the host; answers soon,
 * or fails.
 */
export async function inspectHost(input: InspectInput): Promise<Inspection> {
  await admit(input);
  const { plan, trySessions = false } = input;
  const target = plan?.target ?? input.target;
  const resolved = plan && resolvePlan(plan);
  const [worker, host] = await Promise.all([
    activity.inspectWorker('look at the worker', { secrets: secretsOf(resolved) }).catch((error: unknown) => {
      throw workflowFailure(readFailure(error));
    }),
    target && look(target, resolved, plan && planDigest(plan), trySessions),
  ]);
  const checks =
    plan && resolved && host && !('failure' in host) ? await askChecks(resolved, planDigest(plan), host) : [];
  return {
    startedAtMs: workflowInfo().startTime.getTime(),
    worker,
    ...(host && { host }),
    checks,
  };
}

function secretsOf(plan: ResolvedPlan | undefined): Record<string, ResolvedStep['secrets']> {
  return Object.fromEntries((plan?.steps ?? []).map(({ name, secrets }) => [name, secrets]));
}

async function admit(input: InspectInput): Promise<void> {
  const unreadable = whyUnreadable(input);
  if (unreadable !== undefined)
    throw workflowFailure(failureOf('invalid-input', `the input cannot be read: ${unreadable}`));
  const { plan, target } = Object(input) as InspectInput;
  const admission =
    plan !== undefined
      ? await admitPlan(plan)
      : target === undefined
        ? undefined
        : await admitWatch({ target });
  const problems = admission?.problems ?? [];
  if (problems.length > 0)
    throw workflowFailure(failureOf('invalid-input', formatProblems(problems)), { problems });
}

async function look(
  target: Target,
  plan: ResolvedPlan | undefined,
  digest: string | undefined,
  trySessions: boolean,
): Promise<HostSight | { failure: PartFailure }> {
  try {
    return await activity.lookAtHost(`look at ${addressOf(target)}`, {
      target,
      trySessions,
      ...(plan && { zmx: plan.zmx, parts: partsOf({ plan }) }),
      ...(plan?.sentinel.path !== undefined && { sentinelPath: plan.sentinel.path }),
      ...(plan?.bootstrap && { marker: plan.bootstrap.marker }),
      ...(digest !== undefined && { digest }),
    });
  } catch (error) {
    return { failure: readFailure(error) };
  }
}

/** All at once, as a run would ask those of steps that need no other. */
async function askChecks(plan: ResolvedPlan, digest: string, host: HostSight): Promise<CheckAnswer[]> {
  // Without its tools the host can't run a check as a run does.
  if (host.missing.tools.length > 0) return [];
  const { runId } = workflowInfo();
  return Promise.all(
    stepsToCheck(plan, digest, host).map(async (step): Promise<CheckAnswer> => {
      const { name } = step;
      const { id } = makeLaunch(runId, name, 'step', 1);
      const { stateDir } = host.facts;
      try {
        const order = { target: plan.target, stateDir, step, id };
        return { step: name, code: await activity.checkStep(`${name} · check`, order) };
      } catch (error) {
        return { step: name, failure: readFailure(error) };
      }
    }),
  );
}
