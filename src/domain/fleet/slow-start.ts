import type { RolloutLimits, RolloutPlan } from './rollout-state.ts';

/** A slow start has few steps, because each costs the workflow a timer. */
const STEPS = 10;

/** How many hosts may run, and when that number grows, in milliseconds since the slow start began. */
export function windowAt(
  { concurrency }: Pick<RolloutLimits, 'concurrency'>,
  { slowStartMs }: Pick<RolloutPlan, 'slowStartMs'>,
  sinceMs: number,
): { readonly window: number; readonly growsAtMs?: number } {
  const stepMs = Math.ceil(slowStartMs / STEPS);
  const step = stepMs === 0 ? STEPS : Math.floor(sinceMs / stepMs) + 1;
  if (step >= STEPS) return { window: concurrency };
  return { window: Math.ceil((concurrency * step) / STEPS), growsAtMs: step * stepMs };
}
