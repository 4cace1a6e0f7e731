import type { FailureCode } from './failure.ts';

/** Where a run is. The last four are ends. */
export type Phase =
  | 'validating'
  | 'connecting'
  /** Only of a run that watches: nothing on the host has begun yet. */
  | 'waiting-for-script'
  | 'waiting-for-bootstrap'
  | 'installing-zmx'
  | 'steps'
  | 'finalizers'
  | 'verifying'
  | 'provisioned'
  | 'already-provisioned'
  | 'failed'
  | 'aborted';

/**
 * Where a step or a finalizer is. `retrying`: it failed and will be tried again by itself. `satisfied`: its check said that it
 * need not run. `skipped`: a person had it treated as done. `parked`: it failed and waits for a person. `blocked`: something
 * it needs has failed for good. `killed`: the run ended first.
 *
 * Go: the words of `Runner.PollStatus` (pending, running, done, failed), which {@link Runner.pollStatus} keeps.
 */
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

/** Why a run, a step or a finalizer failed. */
export interface PartFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly advice: string;
  readonly exitCode?: number;
  /** The end of the step's log, at most 4 096 bytes of it, secrets starred. */
  readonly logTail?: string;
}

/** A step, or a finalizer, as an operator sees it. Times are milliseconds since the epoch. */
export interface PartStatus {
  state: PartState;
  /** Of its latest launch; 0 before the first. */
  generation: number;
  startedAtMs?: number;
  endedAtMs?: number;
  exitCode?: number;
  failure?: PartFailure;
}

/** A step and its finalizer. */
export interface StepStatus extends PartStatus {
  readonly name: string;
  /** The zmx session of the latest launch. */
  session?: string;
  /** What people have added to the timeout of its launches, if they have. */
  extendedByMs?: number;
  finalizer?: PartStatus;
}

/** Something a person, or a program in their name, did to the run. */
export interface Intervention {
  readonly action: 'retryStep' | 'skipStep' | 'abort' | 'pause' | 'resume' | 'extendTimeout';
  readonly step?: string;
  readonly reason?: string;
  /** Who sent the message, as their client calls itself to the engine (Temporal: the identity of the event). */
  readonly by?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Of `retryStep`: a script was given in place of the plan's. */
  readonly script?: true;
  /** Of `retryStep`: the names of the variables that were given. */
  readonly env?: readonly string[];
  /** Of `retryStep`: the other steps that were set back, because they need this one. */
  readonly reset?: readonly string[];
  /** Of `extendTimeout`: by how much. */
  readonly extendedByMs?: number;
}

/** The answer of the `status` query. Times are milliseconds since the epoch. */
export interface RunStatus {
  phase: Phase;
  /** Its name. */
  plan: string;
  /** `user@host:port` */
  readonly host: string;
  /** What the plan says that the host is part of. */
  readonly fleet?: string;
  /** Those of the plan. */
  readonly labels?: Readonly<Record<string, string>>;
  /** True while the run waits for a person. */
  attention: boolean;
  /** True while the run starts no further step because somebody said so. */
  paused: boolean;
  readonly startedAtMs: number;
  endedAtMs?: number;
  steps: StepStatus[];
  /** Its path; empty until the host was reached, if the plan names none. */
  sentinel: string;
  /** How to attach to a session of the run, with `NAME` for the session: the whole command. */
  attach?: string;
  failure?: PartFailure;
  /** The latest 100. */
  readonly interventions: Intervention[];
}

/** What a part that is over means for those after it. */
export function isDone(part: PartStatus): boolean {
  return part.state === 'succeeded' || part.state === 'satisfied' || part.state === 'skipped';
}

/** True when nothing of a part will run any more, unless a person wants it to. */
export function isPartOver(part: PartStatus): boolean {
  return isDone(part) || part.state === 'failed' || part.state === 'blocked' || part.state === 'killed';
}

/** True when only a person can move the run on. */
export function isFullyParked(status: RunStatus): boolean {
  const states = listParts(status).map(({ part }) => part.state);
  return (
    status.endedAtMs === undefined &&
    states.includes('parked') &&
    !states.includes('running') &&
    !states.includes('retrying')
  );
}

/** A step or a finalizer, and whose it is. */
export interface PlacedPart {
  readonly step: StepStatus;
  readonly kind: 'step' | 'finalizer';
  readonly part: PartStatus;
}

/** Every step, each followed by its finalizer. */
export function listParts({ steps }: Pick<RunStatus, 'steps'>): PlacedPart[] {
  return steps.flatMap((step): PlacedPart[] => [
    { step, kind: 'step', part: step },
    ...(step.finalizer ? [{ step, kind: 'finalizer' as const, part: step.finalizer }] : []),
  ]);
}

/** The part of a step that a message is about: its finalizer once the step itself is done. */
export function activePart(step: StepStatus): PartStatus {
  return isDone(step) && step.finalizer ? step.finalizer : step;
}
