import type { ResolvedStep } from './plan.ts';
import { isDone, type StepStatus } from './status.ts';

/** What a step that has not started may do now. */
export type Readiness = 'ready' | 'waiting' | 'blocked';

/** A step starts as soon as what it needs is done; it never will once one of those has failed for good. */
export function readiness(step: ResolvedStep, steps: readonly StepStatus[]): Readiness {
  const needed = steps.filter((other) => step.needs.includes(other.name));
  if (needed.some((other) => other.state === 'failed' || other.state === 'blocked')) return 'blocked';
  return needed.every(isDone) ? 'ready' : 'waiting';
}

/** The steps that need one, or need one that needs it, in the plan's order. */
export function dependents(name: string, steps: readonly Pick<ResolvedStep, 'name' | 'needs'>[]): string[] {
  const found = new Set([name]);
  // A step may stand before what it needs, so one pass over the plan is not enough.
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const step of steps) if (step.needs.some((need) => found.has(need))) found.add(step.name);
  }
  return steps.flatMap((step) => (step.name !== name && found.has(step.name) ? [step.name] : []));
}

/** What follows from a failed try: the step's own policy first, then the plan's. */
export function afterFailure(
  step: ResolvedStep,
  tries: number,
  code: string,
  onStepFailure: 'park' | 'fail' | 'continue',
): 'retry' | 'park' | 'fail' | 'continue' {
  const mayRetry = ['step-failed', 'finalizer-failed', 'step-interrupted', 'step-timeout'].includes(code);
  return mayRetry && tries < step.retry.attempts ? 'retry' : onStepFailure;
}

/** Whether a host that has a sentinel is left alone. An empty or foreign sentinel counts as done. */
export function sentinelSaysDone(
  content: string | undefined,
  digest: string,
  whenPresent: 'skip-if-same-plan' | 'skip' | 'ignore',
): boolean {
  if (content === undefined || whenPresent === 'ignore') return false;
  if (whenPresent === 'skip') return true;
  const recorded = sentinelDigest(content);
  return recorded === undefined || recorded === digest;
}

/** The digest of the plan that a sentinel tells of; nothing for one that is empty or not ours. */
export function sentinelDigest(content: string): string | undefined {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value !== 'object' || value === null || !('digest' in value)) return undefined;
    return typeof value.digest === 'string' ? value.digest : undefined;
  } catch {
    return undefined;
  }
}
