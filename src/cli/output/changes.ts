import { definedOnly } from '../../domain/defined-only.ts';
import { formatClock, formatDuration } from '../../domain/text/duration.ts';
import type { ActionName } from '../../domain/run/actions.ts';
import { acceptedActions, describeAuditEntry, type AuditEntry } from '../../domain/run/audit-trail.ts';
import { describePause, type ServerPause } from '../../domain/run/server-pause.ts';
import {
  partName,
  listParts,
  type PartFailure,
  type PartState,
  type PartStatus,
  type Phase,
  type RunStatus,
  type Trouble,
} from '../../domain/run/status.ts';
import { plainText } from '../../domain/text/plain-text.ts';
import { shortMessage } from './short-message.ts';
import { describeTrouble, describeWait } from './describe-trouble.ts';

interface At {
  /** The id of the run, when several runs are watched. */
  readonly run?: string;
  /** @format date-time */
  readonly at: string;
}

/** Without `step` it is about the run as a whole. */
interface AtPart extends At {
  readonly step?: string;
  readonly finalizer?: true;
}

/** One thing that is different from before. */
export type Change =
  | (At & { readonly change: 'phase'; readonly phase: Phase })
  | (At & {
      readonly change: 'step' | 'finalizer';
      readonly step: string;
      readonly state: PartState;
      readonly attempt: number;
      readonly elapsedMs?: number;
      readonly exitCode?: number;
      readonly failure?: PartFailure;
    })
  | (AtPart & {
      readonly change: 'trouble';
      /** Missing once the host can be asked again. */
      readonly trouble?: Trouble;
    })
  | (AtPart & {
      readonly change: 'server-pause';
      /** Missing once it is over. */
      readonly serverPause?: ServerPause;
    })
  | (AtPart & {
      readonly change: 'waiting';
      readonly waitingFor: string;
      readonly waitingUntilMs?: number;
      /** Set for a step that waits for input: the ssh command that attaches to its terminal. */
      readonly attach?: string;
    })
  | (At & { readonly change: 'auditEntry' } & Omit<AuditEntry, 'atMs'>);

export function listChanges(before: RunStatus | undefined, after: RunStatus, clockMs: number): Change[] {
  const nowMs = after.endedAtMs ?? clockMs;
  // The audit trail keeps only the latest actions, so neither their number nor their positions reveal which are new.
  const known = new Set(before?.auditTrail.map((each) => JSON.stringify(each)));
  const auditTrail = after.auditTrail
    .filter((each) => !known.has(JSON.stringify(each)))
    .map(({ atMs, ...rest }): Change => ({ at: iso(atMs), change: 'auditEntry', ...rest }));
  const phase: Change[] =
    before?.phase === after.phase ? [] : [{ at: iso(nowMs), change: 'phase', phase: after.phase }];
  const changes = after.steps.flatMap((step, i) => {
    const earlier = before?.steps[i];
    const times = { nowMs, decidedMs: decidedMs(after, step.name) ?? nowMs };
    return [
      ...partChange('step', step.name, earlier, step, times),
      ...(step.finalizer
        ? partChange('finalizer', step.name, earlier?.finalizer, step.finalizer, times)
        : []),
    ];
  });
  const isOver = after.endedAtMs !== undefined;
  const troubles = [
    ...troubleChange({}, before, after, { nowMs, isOver }),
    ...pauseChange({}, before?.serverPause, after.serverPause, nowMs),
    ...waitingChange({}, before, after, nowMs),
    ...listParts(after).flatMap(({ step, kind, part }) => {
      const earlier =
        before && listParts(before).find((each) => each.step.name === step.name && each.kind === kind);
      const about = { step: step.name, ...(kind === 'finalizer' && { finalizer: true as const }) };
      return [
        ...troubleChange(about, earlier?.part, part, { nowMs, isOver: isOver || hasFailed(part) }),
        ...pauseChange(about, earlier?.part.serverPause, part.serverPause, nowMs),
        ...waitingChange({ step: step.name }, earlier?.part, part, nowMs),
      ];
    }),
  ];
  const rest = [...auditTrail, ...changes, ...troubles].toSorted((a, b) => a.at.localeCompare(b.at));
  // A phase that ends the run comes after what happened in it.
  return isOver ? [...rest, ...phase] : [...phase, ...rest];
}

/** `12:03:01 px-egress running (attempt 1)` */
export function renderChange(change: Change): string {
  return plainText(describe(change)).replaceAll('\n', ' ');
}

function describe(change: Change): string {
  const time = formatClock(Date.parse(change.at));
  if (change.change === 'phase') return `${time} ${change.phase}`;
  if (change.change === 'auditEntry') {
    return `${time} ${describeAuditEntry(change)}`;
  }
  if (change.change === 'trouble') {
    const { step, finalizer, trouble } = change;
    const about = step === undefined ? '' : ` ${partName(step, finalizer === true)}:`;
    return `${time}${about} ${trouble ? describeTrouble(trouble) : 'the host can be reached again'}`;
  }
  if (change.change === 'server-pause') {
    const { step, finalizer, serverPause } = change;
    const name = step === undefined ? 'the run' : partName(step, finalizer === true);
    return `${time} ${name} is ${serverPause ? describePause(serverPause) : 'unpaused'}`;
  }
  if (change.change === 'waiting') {
    const { at, step, waitingFor, attach } = change;
    if (step === undefined) return `${time} ${describeWait(change, Date.parse(at))}`;
    return `${time} ${step} is waiting for ${waitingFor}${attach === undefined ? '' : `; type it with: ${attach}`}`;
  }
  const { step, state, attempt, elapsedMs, failure } = change;
  const name = partName(step, change.change === 'finalizer');
  const count = attempt === 0 ? '' : ` (attempt ${attempt})`;
  const after = elapsedMs === undefined ? '' : ` after ${formatDuration(elapsedMs)}`;
  return `${time} ${name} ${state}${count}${after}${failure ? `: ${shortMessage(name, failure)}` : ''}`;
}

/** What a change is about; empty for the run as a whole. */
type About = Pick<AtPart, 'step' | 'finalizer'>;

interface Troubled {
  readonly trouble?: Trouble;
}

/** The trouble of what has ended or failed ends with it, which does not mean that the host can be reached. */
function troubleChange(
  about: About,
  { trouble: before }: Troubled = {},
  { trouble: after }: Troubled,
  { nowMs, isOver }: { readonly nowMs: number; readonly isOver: boolean },
): Change[] {
  const same = before?.sinceMs === after?.sinceMs && before?.message === after?.message;
  if (same || (!after && isOver)) return [];
  const isNew = after !== undefined && after.sinceMs !== before?.sinceMs;
  const at = iso(isNew ? after.sinceMs : nowMs);
  return [{ at, change: 'trouble', ...about, ...(after && { trouble: after }) }];
}

function pauseChange(
  about: About,
  before: ServerPause | undefined,
  after: ServerPause | undefined,
  nowMs: number,
): Change[] {
  if (before?.sinceMs === after?.sinceMs) return [];
  const at = iso(after?.sinceMs ?? nowMs);
  return [{ at, change: 'server-pause', ...about, ...(after && { serverPause: after }) }];
}

function hasFailed({ state, failure }: PartStatus): boolean {
  return state !== 'running' && failure !== undefined;
}

type Waiting = Pick<RunStatus, 'waitingFor' | 'waitingUntilMs'> & Pick<PartStatus, 'input'>;

/** Reports the beginning of a wait, and each new prompt. */
function waitingChange(
  about: About,
  before: Waiting | undefined,
  { waitingFor, waitingUntilMs, input }: Waiting,
  nowMs: number,
): Change[] {
  if (input && input.sinceMs !== before?.input?.sinceMs) {
    const { lastLine, attach, sinceMs } = input;
    const asked = `input${lastLine === '' ? '' : `: ${lastLine}`}`;
    return [{ at: iso(sinceMs), change: 'waiting', ...about, waitingFor: asked, attach }];
  }
  if (waitingFor === undefined) return [];
  // The text contains the elapsed time, so a different text alone is not a change.
  const isKnown =
    about.step === undefined ? before?.waitingFor === waitingFor : before?.waitingFor !== undefined;
  if (isKnown) return [];
  const until = waitingUntilMs !== undefined && { waitingUntilMs };
  return [{ at: iso(nowMs), change: 'waiting', ...about, waitingFor, ...until }];
}

function partChange(
  change: 'step' | 'finalizer',
  step: string,
  before: PartStatus | undefined,
  after: PartStatus,
  times: Times,
): Change[] {
  const same = before?.state === after.state && before.attempt === after.attempt;
  // Do not report that nothing has begun yet.
  if (same || (before === undefined && after.state === 'pending')) return [];
  const { state, attempt, startedAtMs, endedAtMs, exitCode, failure } = after;
  // A skipped part did not end when its last attempt ended.
  const isOver = startedAtMs !== undefined && endedAtMs !== undefined && state !== 'skipped';
  const elapsedMs = isOver ? endedAtMs - startedAtMs : undefined;
  const at = iso(changedAtMs(before, after, times));
  return [definedOnly({ at, change, step, state, attempt, elapsedMs, exitCode, failure })];
}

interface Times {
  readonly nowMs: number;
  /** When an operator last acted on the step. */
  readonly decidedMs: number;
}

/** Returns when a part entered its state. The times in its status are those of its latest launch. */
function changedAtMs(
  before: PartStatus | undefined,
  { state, startedAtMs, endedAtMs }: PartStatus,
  { nowMs, decidedMs }: Times,
): number {
  if (state === 'skipped' || state === 'pending') return decidedMs;
  if (state === 'running') return startedAtMs ?? nowMs;
  // The end of an attempt that was reported before is not the time of this change.
  const isOld = before !== undefined && before.endedAtMs === endedAtMs;
  return isOld ? nowMs : (endedAtMs ?? nowMs);
}

/** The actions that change the state of a step. */
const STATE_ACTIONS: readonly string[] = ['retryStep', 'skipStep'] satisfies ActionName[];

function decidedMs(status: RunStatus, name: string): number | undefined {
  return acceptedActions(status).findLast(
    ({ action, step, reset = [] }) =>
      STATE_ACTIONS.includes(action) && (step === name || reset.includes(name)),
  )?.atMs;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
