import { failureCodes, type FailureCode } from './failure.ts';
import { listParts, type PartState, type RunStatus } from './status.ts';

/**
 * The state of a failed part or run, which decides how to continue. `asking`: its host cannot be reached, and the run asks again.
 * `retrying`: the next attempt starts by itself. `parked`: it waits for an operator. Each of the last two also exists in a run
 * that is `paused`. `failed`: it has failed for good, but the run continues. `over`: the run has ended, too. `closed`: the run
 * has ended and closed its sessions. `terminated`: the server ended the run, which could not end anything on the host.
 */
export const adviceStates = [
  'asking',
  'retrying',
  'retrying-paused',
  'parked',
  'parked-paused',
  'failed',
  'over',
  'closed',
  'terminated',
] as const;
export type AdviceState = (typeof adviceStates)[number];

/** How to continue once the cause is fixed. */
const CONTINUATIONS: Readonly<Record<AdviceState, string>> = {
  asking: '',
  retrying: ' The next attempt starts by itself.',
  'retrying-paused': ' The next attempt starts once the run is resumed.',
  parked: ' Then retry or skip the step.',
  'parked-paused': ' Then retry or skip the step, and resume the run.',
  failed: ' Then, once this run is over, start another.',
  over: ' Then start the run again.',
  closed: ' Then start the run again.',
  terminated: ' The server ended this run, so nothing waits for an action: start the run again.',
};

const SCRIPT_AGAIN = "Read the script's log on the host, fix the cause, and start the script again there.";
const MORE_TIME = 'Give the step more time (extendTimeout), or find out in its log what it waits for.';
const RETRYABLE = ['retrying', 'retrying-paused', 'parked', 'parked-paused'] as const;

/** Advice that replaces the code's own in some states. */
const VARIANTS: Readonly<Partial<Record<FailureCode, Partial<Record<AdviceState, string>>>>> = {
  'connection-lost': {
    asking:
      'The connection broke; what runs on the host is not disturbed. Check the network path to the host, and its sshd.',
  },
  'channel-refused': {
    asking: 'The host refused another session: raise MaxSessions in its sshd_config, or wait.',
  },
  'step-unverifiable': {
    asking: 'The run keeps asking the host. Restore the access to it, or abort the run.',
  },
  'step-timeout': Object.fromEntries(RETRYABLE.map((state) => [state, MORE_TIME])),
  'script-failed': { over: SCRIPT_AGAIN, closed: SCRIPT_AGAIN, terminated: SCRIPT_AGAIN },
};

/** Codes whose advice is complete: afterwards no run continues or starts again. */
const COMPLETE: ReadonlySet<FailureCode> = new Set(['log-unavailable', 'notification-failed', 'aborted']);

/** Failures of steps, whose advice may name the session to attach to. */
const NAMES_SESSION: ReadonlySet<FailureCode> = new Set(['step-failed', 'step-timeout', 'step-interrupted']);

/** The advice for a failure in this state, whatever state it was written for. Advice that came with the failure itself stays. */
export function adviceIn(
  state: AdviceState,
  { code, advice }: { readonly code: FailureCode; readonly advice: string },
): string {
  const known = Object.values(CONTINUATIONS).find((words) => words !== '' && advice.endsWith(words)) ?? '';
  const cause = advice.slice(0, advice.length - known.length);
  const general = VARIANTS[code]?.[state] ?? failureCodes[code].advice;
  const isGeneral =
    cause === failureCodes[code].advice || Object.values(VARIANTS[code] ?? {}).includes(cause);
  const isStale = state === 'closed' && NAMES_SESSION.has(code);
  return `${isGeneral || isStale ? general : cause}${COMPLETE.has(code) ? '' : CONTINUATIONS[state]}`;
}

/** What is known about a run besides its status. */
export interface AdviceFacts {
  /** The server ended it. */
  readonly terminated?: boolean;
  /** Its plan keeps no sessions. */
  readonly keepsNone?: boolean;
}

/** Adapts the advice of the run and of each part to their present state. */
export function fitAdvice(status: RunStatus, facts: AdviceFacts = {}): void {
  const parts = listParts(status).map(({ part }) => part);
  for (const place of [status, ...parts]) {
    const { failure } = place;
    if (!failure) continue;
    const advice = adviceIn(stateOf(status, 'state' in place ? place.state : 'failed', facts), failure);
    place.failure = { ...failure, advice };
  }
}

function stateOf(
  { endedAtMs, phase, paused }: RunStatus,
  state: PartState,
  { terminated = false, keepsNone = false }: AdviceFacts,
): AdviceState {
  if (terminated) return 'terminated';
  if (endedAtMs !== undefined) return phase === 'aborted' || keepsNone ? 'closed' : 'over';
  if (state === 'parked' || state === 'retrying') return paused ? `${state}-paused` : state;
  return 'failed';
}
