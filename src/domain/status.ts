import type { FailureCode } from './failure.ts';

/** Where a run is. */
export type Phase =
  | 'validating'
  | 'connecting'
  | 'waiting-for-bootstrap'
  | 'installing-zmx'
  | 'steps'
  | 'finalizers'
  | 'verifying'
  | 'provisioned'
  | 'already-provisioned'
  | 'failed'
  | 'aborted';

/** Where a step or a finalizer is. `blocked`: something it needs has failed for good. */
export type PartState =
  | 'pending'
  | 'running'
  | 'retrying'
  | 'succeeded'
  | 'satisfied'
  | 'skipped'
  | 'parked'
  | 'failed'
  | 'blocked'
  | 'killed';

export interface PartFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly advice: string;
  readonly exitCode?: number;
  readonly logTail?: string;
}

/** A step, or a finalizer, as an operator sees it. Times are milliseconds since the epoch. */
export interface PartStatus {
  state: PartState;
  generation: number;
  startedAtMs?: number;
  endedAtMs?: number;
  exitCode?: number;
  failure?: PartFailure;
}

export interface StepStatus extends PartStatus {
  readonly name: string;
  /** The zmx session of the latest launch. */
  session?: string;
  finalizer?: PartStatus;
}

/** Something a person did to the run. */
export interface Intervention {
  readonly action: 'retryStep' | 'skipStep' | 'abort' | 'pause' | 'resume';
  readonly step?: string;
  readonly reason?: string;
  readonly atMs: number;
}

/** The answer of the `status` query. */
export interface RunStatus {
  phase: Phase;
  readonly plan: string;
  readonly host: string;
  /** True while the run waits for a person. */
  attention: boolean;
  paused: boolean;
  readonly startedAtMs: number;
  endedAtMs?: number;
  readonly steps: StepStatus[];
  /** Its path; empty until the host was reached, if the plan names none. */
  sentinel: string;
  /** How to attach to a session of the run, with `NAME` for the session: the whole command. */
  attach?: string;
  failure?: PartFailure;
  readonly interventions: Intervention[];
}

/** What a part that is over means for those after it. */
export function isDone(part: PartStatus): boolean {
  return part.state === 'succeeded' || part.state === 'satisfied' || part.state === 'skipped';
}

/** True when only a person can move the run on. */
export function isFullyParked(status: RunStatus): boolean {
  const parts = status.steps.flatMap((step) => (step.finalizer ? [step, step.finalizer] : [step]));
  return (
    status.endedAtMs === undefined &&
    parts.some((part) => part.state === 'parked') &&
    !parts.some((part) => part.state === 'running' || part.state === 'retrying')
  );
}

/** The part of a step that a message is about: its finalizer once the step itself is done. */
export function activePart(step: StepStatus): PartStatus {
  return isDone(step) && step.finalizer ? step.finalizer : step;
}
