import { dependents } from '../domain/schedule.ts';
import { isDone, type PartStatus, type StepStatus } from '../domain/status.ts';
import { refuseSecondDecision } from './refusals.ts';
import { partKey, stepStatus, type Change, type Run } from './run.ts';

/** Why a step and all that needs it cannot be set back now. */
export function refuseReset(run: Run, name: string): string | undefined {
  if (run.watching) return "this run follows the host's own script; its steps can't be set back";
  if (run.status.phase !== 'steps')
    return `steps can't be set back in this phase (${run.status.phase}); without resetDownstream a parked finalizer can run again`;
  const step = stepStatus(run, name);
  if (run.resets.has(name)) return `${name} is being set back already`;
  const { state } = step;
  if (state !== 'parked' && state !== 'failed' && !isDone(step))
    return `${name} is ${state}; it must be parked, failed or done`;
  return refuseSecondDecision(run, name);
}

/** Has a step run again, and after it all that needs it. Answers with the names of the others that have begun already. */
export function resetDownstream(run: Run, name: string, change: Change): string[] {
  const others = dependents(name, run.plan.steps)
    .map((other) => stepStatus(run, other))
    .filter(({ state }) => state !== 'pending');
  const step = stepStatus(run, name);
  if (step.state === 'parked') run.decisions.set(name, { kind: 'retry', ...change });
  else {
    applyChange(run, partKey('step', name), change);
    setBack(run, step);
  }
  for (const other of others) setBack(run, other);
  return others.map((other) => other.name);
}

/** What a person gave in place of the plan's, for this and all later tries of a part. */
export function applyChange(run: Run, key: string, { script, env }: Change): void {
  if (script !== undefined) run.scripts.set(key, script);
  if (env !== undefined) run.envs.set(key, { ...run.envs.get(key), ...env });
}

/** Whoever leads a step that is under way sees to its end first; one that is over simply begins anew. */
function setBack(run: Run, step: StepStatus): void {
  if (step.state === 'running' || step.state === 'retrying' || step.state === 'parked') {
    run.resets.add(step.name);
    run.interrupts.get(step.name)?.();
    return;
  }
  makePending(run, step);
}

/** The generation stays: the next launch is another one. */
export function makePending(run: Run, step: StepStatus): void {
  const key = partKey('step', step.name);
  const decision = run.decisions.get(step.name);
  // It runs again in any case; what was given for that still counts.
  if (decision?.kind === 'retry') applyChange(run, key, decision);
  run.decisions.delete(step.name);
  run.tries.delete(key);
  clearOutcome(step);
  step.state = 'pending';
}

/** How the latest launch of a part went is no news once there is to be another. */
export function clearOutcome(part: PartStatus): void {
  delete part.startedAtMs;
  delete part.endedAtMs;
  delete part.exitCode;
  delete part.failure;
}
