import { formatClock, formatTimeLeft } from '../../domain/text/duration.ts';
import { describePause } from '../../domain/run/server-pause.ts';
import { describeInput, type PartStatus, type RunStatus, type Trouble } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';

/** `the host cannot be reached since 12:03:04: connection refused; next attempt at 12:03:34` */
export function describeTrouble({ message, sinceMs, retryAtMs, isBooting }: Trouble): string {
  const next = retryAtMs === undefined ? '' : `; next attempt at ${formatClock(retryAtMs)}`;
  const what = isBooting ? 'the host may be booting: it cannot be reached' : 'the host cannot be reached';
  return oneLine(`${what} since ${formatClock(sinceMs)}: ${message}${next}`);
}

/** Describes what delays a part that has begun; undefined if nothing does. */
export function describeHold({ serverPause, trouble, waitingFor, input }: PartStatus): string | undefined {
  if (serverPause) return oneLine(describePause(serverPause));
  if (trouble) return describeTrouble(trouble);
  if (input) return describeInput(input);
  return waitingFor === undefined ? undefined : `waiting for ${waitingFor}`;
}

/** `waiting for /root/.ssh-provisioned, 14 min left`; undefined if the whole run waits for nothing. */
export function describeWait(
  { waitingFor, waitingUntilMs }: Pick<RunStatus, 'waitingFor' | 'waitingUntilMs'>,
  nowMs: number,
): string | undefined {
  if (waitingFor === undefined) return undefined;
  const left = waitingUntilMs === undefined ? '' : `, ${formatTimeLeft(waitingUntilMs - nowMs)} left`;
  return oneLine(`waiting for ${waitingFor}${left}`);
}
