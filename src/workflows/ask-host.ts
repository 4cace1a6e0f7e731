import {
  CancellationScope,
  condition,
  isCancellation,
  sleep,
  type ActivityOptions,
} from '@temporalio/workflow';
import { adviceIn } from '../domain/run/advice.ts';
import { failureCodes, isAccessCode } from '../domain/run/failure.ts';
import { ATTENTION_AFTER_MS, type PartFailure, type Trouble } from '../domain/run/status.ts';
import {
  hasTimeoutOnly,
  isFault,
  neverRan,
  ranOutOfTime,
  readFailure,
  wasCutOff,
  workflowFailure,
} from './failures.ts';
import type { Run } from './run.ts';
import { timeLeftMs } from './time-left.ts';

/**
 * Attempts that the server makes in the first round after a failure. The first failure is reported after one attempt, because a
 * host that accepts connections and stays silent costs 15 s each time. Later rounds are longer, which keeps histories short.
 */
const FIRST_ATTEMPTS = 3;
const MAX_ATTEMPTS = 64;
/** The pause between two rounds while only a person can fix the trouble. */
const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;
const PAUSE_GROWTH = 1.5;
/** A worker without a free slot refuses a wait within this time. */
const REFUSED_WITHIN_MS = 5_000;
/** How long a question may wait for a worker. */
const MAX_QUEUED_MS = 86_400_000;

/** A question to a host that is repeated until the host answers. */
export interface HostQuestion<T> {
  /** Where the status shows the trouble: on the run or on a part. */
  readonly place: { trouble?: Trouble };
  /** What the UI shows beside the timers. */
  readonly summary: string;
  /** `options` limits the number and the duration of the server's attempts. */
  readonly ask: (options: ActivityOptions) => Promise<T>;
  /**
   * A short question for an `ask` that takes long. It must succeed before `ask` is repeated, so that the status stops showing
   * trouble as soon as it is over. Its result, unless undefined, is the answer.
   */
  readonly probe?: (options: ActivityOptions) => Promise<T | undefined>;
  /** When to give up, in milliseconds since the epoch. The time may move while the question is asked. */
  readonly deadlineMs: () => number;
  /** The host may be booting: trouble that this explains needs no attention. */
  readonly mayBoot?: boolean;
  /** Before the first failure there is no deadline. */
  readonly isUnboundedAtFirst?: boolean;
  /** The time before a worker begins `ask` does not count, because the host is not the cause. */
  readonly isUnboundedInQueue?: boolean;
  /** Whether to ask again after a failure. Default: {@link isAccessTrouble}. */
  readonly isTrouble?: (failure: PartFailure) => boolean;
  /** What to show of a failure. Default: the failure. */
  readonly describe?: (failure: PartFailure) => PartFailure;
  /** The failure of an earlier question that this question follows up. */
  readonly after?: PartFailure | undefined;
  /** Returns the answer once the deadline has passed. Default: fails with the last failure. */
  readonly onLate?: (failure: PartFailure | undefined) => T | Promise<T>;
}

/**
 * Asks a host until it answers, however often access to it is lost. Shows the trouble meanwhile. Continues in rounds of several
 * attempts each, which the server makes. If only a person can fix the trouble, pauses between rounds; deleting `retryAtMs` of the
 * trouble ends the pause.
 */
export async function askHost<T>(run: Run, question: HostQuestion<T>): Promise<T> {
  const dialogue = new Dialogue(run, question);
  try {
    for (;;) {
      const answered = await dialogue.nextRound();
      if (answered) return answered.answer;
    }
  } finally {
    dialogue.stop();
  }
}

/** Asks the host on behalf of the whole run, for `patienceMs` at most. */
export function askForRun<T>(
  run: Run,
  summary: string,
  patienceMs: number,
  ask: HostQuestion<T>['ask'],
  more: Partial<HostQuestion<T>> = {},
): Promise<T> {
  const untilMs = Date.now() + patienceMs;
  return askHost(run, { place: run.status, summary, ask, deadlineMs: () => untilMs, ...more });
}

/** The rounds of one question. */
class Dialogue<T> {
  readonly #run: Run;
  readonly #question: HostQuestion<T>;
  /** The latest failure, perhaps of an earlier question. */
  #failure: PartFailure | undefined;
  /** Whether `#failure` comes from an earlier question and may no longer apply. */
  #isInherited: boolean;
  #round = 0;
  #queuedMs = 0;
  #sinceMs: number | undefined;
  /** Runs until the trouble has lasted so long that it needs attention. */
  #alarm: CancellationScope | undefined;

  constructor(run: Run, question: HostQuestion<T>) {
    this.#run = run;
    this.#question = question;
    this.#failure = question.after ?? failureIn(question.place);
    this.#isInherited = question.after === undefined;
    if (this.#failure) this.#show(this.#failure);
  }

  stop(): void {
    this.#alarm?.cancel();
  }

  /** Returns undefined if the question must be asked again. */
  async nextRound(): Promise<{ readonly answer: T } | undefined> {
    const { place, summary, ask, probe } = this.#question;
    const isFull = this.#failure?.code === 'no-worker';
    if (!this.#isInherited && this.#failure && (isFull || !failureCodes[this.#failure.code].retryable))
      await pause(this.#run, this.#question, this.#round, this.#deadlineMs());
    this.#isInherited = false;
    // The workers are full but the host answers. The status shows that until the wait has a slot.
    const isRefused = isFull && probe !== undefined;
    const hasTrouble = place.trouble !== undefined && !isRefused;
    const deadlineMs = this.#deadlineMs();
    const askedMs = Date.now();
    const accepted = isRefused
      ? startTimer(REFUSED_WITHIN_MS, `${summary} · slot`, () => this.#endTrouble())
      : undefined;
    try {
      const options = this.#optionsUntil(deadlineMs, hasTrouble);
      const isProbe = hasTrouble && probe !== undefined;
      const answer = isProbe ? await probe(options) : await ask(options);
      this.#endTrouble();
      return isProbe && answer === undefined ? undefined : { answer: answer as T };
    } catch (error) {
      return await this.#handle(error, { deadlineMs, askedMs, countsRound: hasTrouble || isFull });
    } finally {
      accepted?.cancel();
    }
  }

  async #handle(
    error: unknown,
    asked: { readonly deadlineMs: number; readonly askedMs: number; readonly countsRound: boolean },
  ): Promise<{ readonly answer: T } | undefined> {
    const { probe, isUnboundedInQueue, isTrouble = isAccessTrouble, onLate = failWith } = this.#question;
    const found = readFailure(error);
    if (isUnboundedInQueue && neverRan(error) && this.#queuedMs < MAX_QUEUED_MS)
      this.#queuedMs += Date.now() - asked.askedMs;
    const isSpent = ranOutOfTime(error) && this.#deadlineMs() === asked.deadlineMs;
    const isLate = isSpent || Date.now() >= this.#deadlineMs();
    if (wasCutOff(error) && !isLate) return undefined;
    if (isFault(error) || (!ranOutOfTime(error) && !isTrouble(found))) {
      this.#endTrouble();
      throw error;
    }
    // A timeout without an earlier failure proves nothing about the host.
    if (!hasTimeoutOnly(error)) this.#failure = found;
    if (isLate) return { answer: await onLate(this.#failure ?? (probe ? undefined : found)) };
    if (asked.countsRound) this.#round += 1;
    if (this.#failure) this.#show(this.#failure);
    return undefined;
  }

  #deadlineMs(): number {
    return this.#question.deadlineMs() + this.#queuedMs;
  }

  #optionsUntil(deadlineMs: number, hasTrouble: boolean): ActivityOptions {
    const maximumAttempts = hasTrouble ? Math.min(MAX_ATTEMPTS, FIRST_ATTEMPTS * 2 ** this.#round) : 1;
    const isBounded = hasTrouble || !this.#question.isUnboundedAtFirst;
    return {
      retry: { maximumAttempts },
      ...(isBounded && { scheduleToCloseTimeout: timeLeftMs(deadlineMs - Date.now()) }),
    };
  }

  #show(found: PartFailure): void {
    const { place, summary, describe, mayBoot } = this.#question;
    const shown = describe?.(found) ?? found;
    const { code, message, advice } = shown;
    this.#sinceMs ??= place.trouble?.sinceMs ?? Date.now();
    place.trouble = {
      code,
      message,
      advice: adviceIn('asking', { code, advice }),
      sinceMs: this.#sinceMs,
      ...(mayBoot && isBootTrouble(shown) && { isBooting: true }),
    };
    // Inherited trouble may be over, so the alarm starts only when this question fails.
    if (!this.#isInherited) this.#alarm ??= startAlarm(this.#run, this.#sinceMs, summary);
    this.#run.onChange();
  }

  #endTrouble(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#failure = undefined;
    this.#sinceMs = undefined;
    this.#round = 0;
    const { place } = this.#question;
    if (!place.trouble) return;
    delete place.trouble;
    this.#run.onChange();
  }
}

/** The trouble that an earlier question left in the status, perhaps in an earlier history. */
function failureIn({ trouble }: { readonly trouble?: Trouble }): PartFailure | undefined {
  return trouble && { code: trouble.code, message: trouble.message, advice: trouble.advice };
}

/** Prefixes a failure with what waits for the host, unless it already has the prefix. */
export function withPending(what: string, failure: PartFailure): PartFailure {
  const prefix = `${what} the host cannot be reached: `;
  return failure.message.startsWith(prefix)
    ? failure
    : { ...failure, message: `${prefix}${failure.message}` };
}

/** Whether the trouble may pass by itself: a run that ends waits for its host only then. */
export function isNetworkTrouble({ code }: PartFailure): boolean {
  return failureCodes[code].retryable;
}

/** Whether the host cannot be reached because it has not booted yet: it refuses logins until its users and keys are there. */
export function isBootTrouble(failure: PartFailure): boolean {
  return isNetworkTrouble(failure) || failure.code === 'auth-failed' || failure.code === 'become-failed';
}

/** Whether access to the host failed, which proves nothing about what runs there. */
export function isAccessTrouble({ code }: PartFailure): boolean {
  return isAccessCode(code);
}

/** Waits for the next round, for a retry by an operator, or for the deadline. */
async function pause(
  run: Run,
  { place, summary }: Pick<HostQuestion<unknown>, 'place' | 'summary'>,
  round: number,
  untilMs: number,
): Promise<void> {
  const { trouble } = place;
  if (!trouble) return;
  const pauseMs = Math.min(
    Math.round(FIRST_PAUSE_MS * PAUSE_GROWTH ** round),
    MAX_PAUSE_MS,
    timeLeftMs(untilMs - Date.now()),
  );
  trouble.retryAtMs = Date.now() + pauseMs;
  run.onChange();
  await condition(() => trouble.retryAtMs === undefined, pauseMs, { summary: `${summary} · asking again` });
  delete trouble.retryAtMs;
}

/** Refreshes the status once trouble has lasted so long that it needs attention. Ends when it is cancelled. */
function startAlarm(run: Run, sinceMs: number, summary: string): CancellationScope | undefined {
  const leftMs = ATTENTION_AFTER_MS - (Date.now() - sinceMs);
  return leftMs > 0 ? startTimer(leftMs, `${summary} · until it needs attention`, run.onChange) : undefined;
}

/** Calls `act` after a delay, unless the scope is cancelled first. */
function startTimer(afterMs: number, summary: string, act: () => void): CancellationScope {
  const scope = new CancellationScope();
  scope
    .run(() => sleep(afterMs, { summary }))
    .then(act, (error: unknown) => {
      if (!isCancellation(error)) throw error;
    });
  return scope;
}

function failWith(failure: PartFailure | undefined): never {
  if (!failure) throw new TypeError('a question without a failure is not late');
  throw workflowFailure(failure);
}
