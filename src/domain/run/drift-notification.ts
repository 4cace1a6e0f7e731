import { oneLine } from '../text/plain-text.ts';
import type { DriftReport, StepDrift } from './drift.ts';
import { withCode } from './failure.ts';
import type { Notification, RunAddress } from './notification.ts';
import type { PartFailure } from './status.ts';

/** The result of a check for drift: a report, or the failure that prevented one. */
export type DriftOutcome =
  | { readonly report: DriftReport; readonly failure?: never }
  | { readonly report?: never; readonly failure: PartFailure };

/** The check of the same schedule before this one. */
export interface PreviousCheck {
  /** The latest report. */
  readonly report?: DriftReport;
  /** Whether a later check failed. */
  readonly hasFailed: boolean;
}

/** The steps that a text names; the notification has all. */
const MAX_NAMED = 10;

/** Describes what a check for drift found; undefined if all is in order, or if the previous check found the same. */
export function describeDrift(
  outcome: DriftOutcome,
  about: Pick<Notification, 'host' | 'plan'>,
  { originalRunId, ...address }: RunAddress,
  atMs: number,
  before: PreviousCheck,
): Notification | undefined {
  const head = { ...address, ...about, at: new Date(atMs).toISOString() };
  const failure = outcome.failure ?? firstFailure(outcome.report);
  const drift = driftedSteps(outcome.report);
  if (drift.length > 0) {
    if (!before.hasFailed && JSON.stringify(drift) === JSON.stringify(driftedSteps(before.report)))
      return undefined;
    const named = drift.slice(0, MAX_NAMED).map(describeStep);
    const more = drift.length > MAX_NAMED ? [`and ${drift.length - MAX_NAMED} more`] : [];
    const text = `${about.host} has drifted from ${oneLine(about.plan)}: ${[...named, ...more].join('; ')}`;
    return { id: `${originalRunId}:drifted`, event: 'drifted', text, ...head, drift };
  }
  const wasUnchecked = before.hasFailed || firstFailure(before.report) !== undefined;
  if (!failure || wasUnchecked) return undefined;
  const text = `${about.host} could not be checked for drift from ${oneLine(about.plan)}: ${oneLine(withCode(failure))}`;
  return { id: `${originalRunId}:unchecked`, event: 'unchecked', text, ...head, failure };
}

/** `site (its check fails (exit 1), changed in the plan since it ran)` */
function describeStep({ name, deviations }: StepDrift): string {
  return `${name} (${deviations.map(({ message }) => message).join(', ')})`;
}

function driftedSteps(report: DriftReport | undefined): readonly StepDrift[] {
  return report?.steps.filter(({ state }) => state === 'drifted') ?? [];
}

function firstFailure(report: DriftReport | undefined): PartFailure | undefined {
  return report?.steps.find(({ state }) => state === 'unknown')?.failure;
}
