import { oneLine } from '../src/domain/text/plain-text.ts';
import type { LoginCase } from './cases.ts';
import { stepLog, type LedgerEntry } from './plan.ts';

/** A problem that a run reported: its failure, that of a part, or its trouble. */
export interface Report {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

/** What was observed of a case, from independent sources. */
export interface Observed {
  /** How the run ended, or that it needed attention, or reported nothing until its deadline. */
  readonly end: 'provisioned' | 'failed' | 'attention' | 'silent';
  /** Milliseconds from the start to that end. */
  readonly tookMs: number;
  readonly reports: readonly Report[];
  /** The status of each step at that end, for people. */
  readonly shown: string;
  readonly ledger: readonly LedgerEntry[];
  /** As a client reads them; only of a provisioned run. */
  readonly logs: Readonly<Record<string, string>>;
  readonly hasSentinel: boolean;
  /** The run is over: by itself, or by the abort after it needed attention. */
  readonly ended: boolean;
  /** Processes of the run that are alive after its end. */
  readonly left: readonly string[];
}

export interface Verdict {
  readonly outcome: 'provisioned' | 'named' | 'violation';
  readonly violations: readonly string[];
}

/** Codes that don't name the login as the cause. */
const GUESSES = new Set(['internal-error', 'connection-lost', 'host-unreachable', 'no-worker', 'aborted']);
/** How long a run may take, besides the delays of the login. */
const NAMED_WITHIN_MS = 30_000;
const PROVISIONED_WITHIN_MS = 60_000;
/** The maximum number of reads of a startup file in a run: for commands, and for sessions. */
const COMMANDS = 20;
const SESSIONS = 3;

/** How long the login itself may delay a run, in milliseconds. */
export function delayOf({ fragments }: LoginCase): number {
  return fragments.reduce(
    (sum, { kind, place }) => sum + (kind.delayMs ?? 0) * (place === 'session' ? SESSIONS : COMMANDS),
    0,
  );
}

/** Milliseconds after which a run that has neither ended nor needs attention counts as silent. */
export function deadlineOf(login: LoginCase, patience: number): number {
  return PROVISIONED_WITHIN_MS * patience + delayOf(login);
}

/** Judges one case. `patience` stretches the time limits on a busy machine. */
export function judge(login: LoginCase, seen: Observed, patience: number): Verdict {
  const provisioned = seen.end === 'provisioned';
  const violations = [
    ...judgeLedger(seen.ledger),
    ...(provisioned ? judgeSuccess(login, seen) : judgeFailure(login, seen, patience)),
    ...(seen.ended ? [] : ['the run did not end after an abort']),
    ...seen.left.map((process) => `left on the host: ${process}`),
  ];
  if (violations.length > 0) return { outcome: 'violation', violations };
  return { outcome: provisioned ? 'provisioned' : 'named', violations };
}

function judgeLedger(ledger: readonly LedgerEntry[]): string[] {
  return ['step a', 'step b', 'finalizer a'].flatMap((part) => {
    const times = ledger.filter((entry) => entry.part === part && entry.event === 'start').length;
    return times > 1 ? [`${part} ran ${times} times`] : [];
  });
}

function judgeSuccess(login: LoginCase, { ledger, logs, hasSentinel }: Observed): string[] {
  const order = ledger.map(({ part, event }) => `${part} ${event}`).join(', ');
  const whole = 'step a start, step a end, step b start, step b end, finalizer a start, finalizer a end';
  const inherits = login.fragments.some(({ kind }) => kind.reachesSteps);
  return [
    ...(order === whole ? [] : [`provisioned, but what ran was: ${order || 'nothing'}`]),
    ...(hasSentinel ? [] : ['provisioned, but there is no sentinel']),
    ...['a', 'b'].flatMap((step) => {
      const [text, expected] = [(logs[step] ?? '').replaceAll('\r\n', '\n'), stepLog(step)];
      const fits = inherits ? expected.split('\n').every((line) => text.includes(line)) : text === expected;
      return fits ? [] : [`the log of ${step} is ${JSON.stringify(text.slice(0, 300))}`];
    }),
  ];
}

function judgeFailure(login: LoginCase, seen: Observed, patience: number): string[] {
  if (seen.end === 'silent')
    return [`neither an end nor a report after ${Math.round(seen.tookMs / 1000)} s; ${seen.shown}`];
  const names = login.fragments.flatMap(({ kind }) => kind.names ?? []);
  const texts = seen.reports
    .filter(({ code }) => !GUESSES.has(code))
    .map(({ code, message, advice }) => `${code}: ${message} ${advice}`);
  const isNamed = texts.some((text) => names.some((pattern) => pattern.test(text)));
  const said = seen.reports
    .map(({ code, message, advice }) => oneLine(`${code}: ${message} (${advice})`).slice(0, 600))
    .join(' | ');
  const isLate = seen.tookMs > NAMED_WITHIN_MS * patience + delayOf(login);
  return [
    ...(names.length === 0 ? [`must provision, but ${seen.end}: ${said}`] : []),
    ...(names.length > 0 && !isNamed ? [`does not name the cause: ${said}`] : []),
    ...(isLate ? [`failed only after ${Math.round(seen.tookMs / 1000)} s`] : []),
  ];
}
