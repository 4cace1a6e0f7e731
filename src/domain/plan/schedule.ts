import type { ResolvedStep } from './resolve-plan.ts';
import { isDone, type StepStatus } from '../run/status.ts';

export type Readiness = 'ready' | 'waiting' | 'blocked';

/** A step is ready once every step that it needs is done, and blocked once one of them has failed for good. */
export function readiness(step: ResolvedStep, steps: readonly StepStatus[]): Readiness {
  const needed = steps.filter((other) => step.needs.includes(other.name));
  if (needed.some((other) => other.state === 'failed' || other.state === 'blocked')) return 'blocked';
  return needed.every(isDone) ? 'ready' : 'waiting';
}

/** The names of the steps that need a step, directly or indirectly, in the plan's order. */
export function dependents(name: string, steps: readonly Pick<ResolvedStep, 'name' | 'needs'>[]): string[] {
  const found = new Set([name]);
  // A step may come before a step that it needs, so one pass is not enough.
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const step of steps) if (step.needs.some((need) => found.has(need))) found.add(step.name);
  }
  return steps.flatMap((step) => (step.name !== name && found.has(step.name) ? [step.name] : []));
}

/** Decides what follows a failed attempt: the step's own policy comes first, then the plan's. */
export function afterFailure(
  step: ResolvedStep,
  attempts: number,
  code: string,
  onStepFailure: 'park' | 'fail' | 'continue',
): 'retry' | 'park' | 'fail' | 'continue' {
  // parkTimeout is over, and parking would only wait for it again.
  if (code === 'parked-too-long' && onStepFailure === 'park') return 'fail';
  const mayRetry = ['step-failed', 'finalizer-failed', 'step-interrupted', 'step-timeout'].includes(code);
  return mayRetry && attempts < step.retry.attempts ? 'retry' : onStepFailure;
}
