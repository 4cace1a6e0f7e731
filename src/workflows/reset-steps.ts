import { dependents } from '../domain/plan/schedule.ts';
import type { Overrides, Part } from '../domain/run/part.ts';
import { stepOf, type Run } from './run.ts';

/** Runs a step again, and then every step that needs it. Returns the names of the others that had begun. */
export function resetDownstream(run: Run, name: string, overrides: Overrides): string[] {
  const others = dependentsOf(run, name).filter(({ status }) => status.state !== 'pending');
  const part = stepOf(run, name);
  if (part.status.state === 'parked') part.decide({ kind: 'retry', force: true, ...overrides });
  else {
    part.override(overrides);
    part.reset();
  }
  for (const other of others) other.reset();
  return others.map((other) => other.name);
}

/**
 * Repeats what an earlier run did after a step that has now run for the first time: the steps that need it, and the finalizers.
 */
export function resetAfter(run: Run, { name }: Part): void {
  const finalizers = run.parts.filter(({ kind }) => kind === 'finalizer');
  for (const part of [...dependentsOf(run, name), ...finalizers])
    if (part.status.state === 'succeeded' || part.status.state === 'unchanged') part.makePending();
}

function dependentsOf(run: Run, name: string): Part[] {
  return dependents(name, run.plan.steps).map((each) => stepOf(run, each));
}
