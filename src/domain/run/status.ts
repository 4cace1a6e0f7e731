import type { AuditEntry } from './audit-trail.ts';
import { failureCodes, type FailureCode } from './failure.ts';
import type { ServerPause } from './server-pause.ts';

/** The phase of a run. The last five are ends. */
export type Phase =
  | 'validating'
  | 'connecting'
  /** Only in a run that follows a self-provisioning host, before anything has begun there. */
  | 'waiting-for-script'
  | 'waiting-for-bootstrap'
  | 'installing-zmx'
  | 'steps'
  | 'finalizers'
  | 'verifying'
  | 'provisioned'
  | 'already-provisioned'
  /** The steps to which the run was limited are done, and others are not. */
  | 'incomplete'
  | 'failed'
  | 'aborted';

/**
 * The state of a step or a finalizer. `retrying`: it failed, and its next attempt starts by itself. `satisfied`: its check found
 * that it need not run. `unchanged`: an earlier run of the plan did it, and nothing that it depends on has run since. `skipped`: an
 * operator had it treated as done. `parked`: it failed and needs attention. `blocked`: a step
 * that it needs has failed for good. `killed`: the run ended first.
 */
export type PartState =
  | 'pending'
  | 'running'
  | 'retrying'
  | 'succeeded'
  | 'satisfied'
  | 'unchanged'
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
  /** The end of the step's log, at most 4 096 bytes of it, secrets masked. */
  readonly logTail?: string;
}

/** Why a host cannot be reached now. The run keeps asking; what runs on the host continues. */
export interface Trouble {
  readonly code: FailureCode;
  /** The latest error of the host or the network. */
  readonly message: string;
  readonly advice: string;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** The host is expected to boot, so the trouble needs no attention. */
  readonly isBooting?: true;
  /** When the host is asked again; missing while it is asked about once a second. Milliseconds since the epoch. */
  retryAtMs?: number;
}

/** A prompt: a process of the step sleeps until a key is pressed in its terminal. */
export interface InputWait {
  /** The last line of the log when the prompt was noticed, secrets masked. */
  readonly lastLine: string;
  /** The ssh command that attaches to the terminal. */
  readonly attach: string;
  /** When the prompt was noticed, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** `waiting for input: Continue? [y/N]` */
export function describeInput({ lastLine }: Pick<InputWait, 'lastLine'>): string {
  return `waiting for input${lastLine === '' ? '' : `: ${lastLine}`}`;
}

/** The status of a step or a finalizer. Times are milliseconds since the epoch. */
export interface PartStatus {
  state: PartState;
  /** The attempt of its latest launch; 0 before the first. */
  attempt: number;
  startedAtMs?: number;
  endedAtMs?: number;
  exitCode?: number;
  failure?: PartFailure;
  /** Notes on its end besides the exit code: when its terminal was lost, which background processes ended with it. */
  notes?: readonly string[];
  /** Set while the host cannot be reached on behalf of it. */
  trouble?: Trouble;
  /** What its start waits for: `the login shell (45 s)`. */
  waitingFor?: string;
  /** Set by clients, which ask the server: an operator has paused the activity that works on it. */
  serverPause?: ServerPause;
  /** Set while it waits for keyboard input. */
  input?: InputWait;
}

/** A step and its finalizer. */
export interface StepStatus extends PartStatus {
  readonly name: string;
  /** The zmx session of the latest launch. */
  session?: string;
  /** How much operators have added to the timeout of its launches. */
  extendedByMs?: number;
  finalizer?: PartStatus;
}

/** The answer of the `status` query. Times are milliseconds since the epoch. */
export interface RunStatus {
  phase: Phase;
  /** The name of the plan. */
  plan: string;
  /** `user@host:port` */
  readonly host: string;
  /** The fleet that the plan names. */
  readonly fleet?: string;
  /** The labels of the plan. */
  readonly labels?: Readonly<Record<string, string>>;
  /** True while the run waits for an operator, or its host has been unreachable for so long that an operator should know. */
  attention: boolean;
  /** True from the action `pause` to `resume`: no further step starts. */
  paused: boolean;
  readonly startedAtMs: number;
  endedAtMs?: number;
  steps: StepStatus[];
  /** The path of the sentinel. If the plan has none, empty until the host was reached. */
  sentinel: string;
  /** Absolute path of zmx on the host, once it is known. */
  zmxPath?: string;
  /** The whole command that attaches to a session of the run, with `NAME` for the session. */
  attach?: string;
  failure?: PartFailure;
  /** Set while the host cannot be reached on behalf of the whole run. */
  trouble?: Trouble;
  /** What the whole run waits for: the path of the bootstrap marker. */
  waitingFor?: string;
  /** When the run gives up that wait; missing if the host's script keeps the time. Milliseconds since the epoch. */
  waitingUntilMs?: number;
  /** Set by clients, which ask the server: an operator has paused the workflow, or an activity that belongs to no step. */
  serverPause?: ServerPause;
  /** One sentence for each launch of an earlier run that this run continued or ended. */
  notes?: readonly string[];
  /** The audit trail, in order: the latest 100 actions that were accepted, and the latest 20 that were refused. */
  readonly auditTrail: AuditEntry[];
  /** The number of refused signals; missing if there were none. */
  refusedActions?: number;
}

const DONE_STATES: ReadonlySet<PartState> = new Set(['succeeded', 'satisfied', 'unchanged', 'skipped']);

/** Whether parts that depend on this one may start. */
export function isDone(part: PartStatus): boolean {
  return DONE_STATES.has(part.state);
}

/** Whether a part is over for good, unless an operator resets it. */
export function isPartOver(part: PartStatus): boolean {
  return isDone(part) || part.state === 'failed' || part.state === 'blocked' || part.state === 'killed';
}

/** After this time network trouble needs attention. */
export const ATTENTION_AFTER_MS = 60_000;

export function needsAttention(trouble: Trouble, nowMs: number): boolean {
  return needsPerson(trouble) || (!trouble.isBooting && nowMs - trouble.sinceMs >= ATTENTION_AFTER_MS);
}

/** Whether the host cannot be reached now, on behalf of the run or of one of its parts. */
export function hasTrouble(status: RunStatus): boolean {
  return [status, ...listParts(status).map(({ part }) => part)].some(({ trouble }) => trouble !== undefined);
}

/** Whether the run or a step waits for an operator, or has trouble that needs attention. */
export function attentionOf(status: RunStatus, nowMs: number): boolean {
  const parts = listParts(status).map(({ part }) => part);
  return (
    parts.some(({ state, input }) => state === 'parked' || input !== undefined) ||
    [status, ...parts].some(({ trouble }) => trouble !== undefined && needsAttention(trouble, nowMs))
  );
}

/** Whether the run can make no progress without an operator. */
export function isFullyParked(status: RunStatus): boolean {
  if (status.endedAtMs !== undefined) return false;
  const parts = listParts(status).map(({ part }) => part);
  const atWork = parts.some(
    (part) => (part.state === 'running' || part.state === 'retrying') && !lacksAccess(part),
  );
  return (
    lacksAccess(status) || (!atWork && parts.some((part) => part.state === 'parked' || lacksAccess(part)))
  );
}

/** Whether a run or part waits until an operator restores access to its host. */
function lacksAccess({ trouble }: { readonly trouble?: Trouble }): boolean {
  return trouble !== undefined && needsPerson(trouble);
}

function needsPerson({ code, isBooting }: Trouble): boolean {
  return !failureCodes[code].retryable && !isBooting;
}

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

export function listSkipped(status: Pick<RunStatus, 'steps'>): PlacedPart[] {
  return listParts(status).filter(({ part }) => part.state === 'skipped');
}

/** The names of the steps that are not done. */
export function listUndone({
  steps,
}: {
  readonly steps: readonly Pick<StepStatus, 'name' | 'state'>[];
}): string[] {
  return steps.filter(({ state }) => !DONE_STATES.has(state)).map(({ name }) => name);
}

/** A step or its finalizer as messages name it: `app`, `app (finalizer)`. */
export function partName(step: string, isFinalizer: boolean): string {
  return isFinalizer ? `${step} (finalizer)` : step;
}

/** `, with 2 skipped: firewall, app (finalizer)`; empty if nothing was skipped. */
export function skippedText(status: Pick<RunStatus, 'steps'>): string {
  const names = listSkipped(status).map(({ step, kind }) => partName(step.name, kind === 'finalizer'));
  return names.length === 0 ? '' : `, with ${names.length} skipped: ${names.join(', ')}`;
}

/** The part of a step that an action is about: its finalizer once the step itself is done. */
export function activePart(step: StepStatus): PartStatus {
  return isDone(step) && step.finalizer ? step.finalizer : step;
}

const STATE_TEXTS: Readonly<Record<PartState, string>> = {
  pending: 'has not started yet',
  running: 'is still running',
  retrying: 'has failed and will be retried by itself',
  succeeded: 'has already succeeded',
  satisfied: 'did not have to run, as its check found',
  unchanged: 'is unchanged since an earlier run did it',
  skipped: 'has been skipped',
  parked: 'is parked',
  failed: 'has failed for good',
  blocked: 'is blocked by a step that has failed',
  killed: 'was ended with its run',
};

/** Completes a sentence that begins with the name of the part: `has already succeeded`. */
export function describeState({ state }: Pick<PartStatus, 'state'>): string {
  return STATE_TEXTS[state];
}
