import type { PreparedHost } from '../activities/activity-types.ts';
import { readiness } from '../domain/plan/schedule.ts';
import type { Part } from '../domain/run/part.ts';
import {
  NO_LAUNCH,
  isUnchanged,
  partDigest,
  recordName,
  type RecordEntry,
} from '../domain/run/part-record.ts';
import type { Run } from './run.ts';

/** Whether the run is limited to other steps. */
export function isExcluded({ plan }: Run, { name }: Part): boolean {
  return plan.run.selected?.includes(name) === false;
}

/** Stores what earlier runs recorded, except for parts that this run runs anyway. */
export function learnRecords({ parts, plan }: Run, { recorded = {} }: PreparedHost): void {
  for (const part of parts) {
    const record = recorded[recordName({ step: part.name, kind: part.kind })];
    part.latest = record?.launch ?? NO_LAUNCH;
    if (!plan.run.forced.includes(part.name) && !part.step.always) part.recorded = record;
  }
}

/** What the host must record about a part that begins now. */
export function recordEntry(run: Run, part: Part): RecordEntry {
  return {
    place: `${run.plan.records}/${recordName({ step: part.name, kind: part.kind })}`,
    digest: partDigest(part.currentStep, part.kind),
    needs: launchesBefore(run, part),
    former: part.latest,
  };
}

/** Sets pending parts to unchanged that have nothing to do: steps as soon as the steps that they need are done. */
export function settleUnchanged(run: Run, kind: Part['kind']): void {
  const isSettled = (part: Part) => {
    const { status, recorded, step } = part;
    if (part.kind !== kind || status.state !== 'pending' || !recorded) return false;
    if (kind === 'step' && readiness(step, run.status.steps) !== 'ready') return false;
    return isUnchanged(recorded, partDigest(step, kind), launchesBefore(run, part));
  };
  // One that is settled may make steps ready that need it.
  for (let settled = run.parts.filter(isSettled); settled.length > 0; settled = run.parts.filter(isSettled)) {
    for (const { status } of settled) status.state = 'unchanged';
    run.onChange();
  }
}

/** The latest launches of the steps on which a part depends: those that it needs; for a finalizer, all. */
function launchesBefore({ parts }: Run, { kind, step }: Part): string[] {
  return parts
    .filter((other) => other.kind === 'step' && (kind === 'finalizer' || step.needs.includes(other.name)))
    .flatMap(({ latest }) => (latest === NO_LAUNCH ? [] : [latest]));
}
