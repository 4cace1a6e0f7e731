import { formatDuration } from '../domain/duration.ts';
import type { ResolvedStep } from '../domain/plan.ts';
import { makeLaunch } from '../domain/ids.ts';
import { activePart, isDone } from '../domain/status.ts';
import { stepStatus, type Run } from './run.ts';

/** A year, as for every duration of a plan. */
const MAX_EXTENSION_MS = 365 * 86_400_000;

/** Why a step cannot be given more time now. */
export function refuseExtension(run: Run, name: string, byMs: number): string | undefined {
  const step = stepStatus(run, name);
  const part = activePart(step);
  // What is parked is not run again by the script, but by whoever takes the host over from it.
  if (run.watching && part.state !== 'parked')
    return "this run follows the host's own script, which keeps the time of its steps itself";
  const what = part === step ? name : `the finalizer of ${name}`;
  if (isDone(part)) return `${what} is ${part.state}`;
  if (part.state === 'failed' || part.state === 'blocked' || part.state === 'killed')
    return `${what} is ${part.state}; nothing of it will run again`;
  const kind = part === step ? 'step' : 'finalizer';
  const latest = run.live.get(makeLaunch(run.owner, name, kind, part.generation).id);
  if (part.state === 'running' && latest?.late === true)
    return `the time of ${what} is up, and it is being ended; give it more before its next try`;
  const sumMs = (step.extendedByMs ?? 0) + byMs;
  return sumMs > MAX_EXTENSION_MS ? `${name} would get ${formatDuration(sumMs)} more in all` : undefined;
}

/** Gives a step more time: what runs of it, and what will. */
export function extendStep(run: Run, name: string, byMs: number): void {
  const step = stepStatus(run, name);
  step.extendedByMs = (step.extendedByMs ?? 0) + byMs;
}

/** How long a launch of a step may take, as of now. Milliseconds. */
export function timeoutMs(run: Run, step: ResolvedStep): number {
  return step.timeoutMs + (stepStatus(run, step.name).extendedByMs ?? 0);
}

/** What is left of a time that began at a moment; the engine takes no less than a millisecond. */
export function rest(ms: number, sinceMs = Date.now()): number {
  return Math.max(1, ms - (Date.now() - sinceMs));
}
