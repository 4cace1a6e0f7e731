import { ChandlerError } from '../domain/failure.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import type { Answer } from './answers.ts';

/**
 * Reads the answer of `describe` in the host program.
 *
 * @throws ChandlerError connection-lost for anything it does not know: unknown is never success.
 */
export function parseLaunchState(answer: Answer): LaunchState {
  switch (answer['state']) {
    case 'absent':
    case 'created':
    case 'cancelled':
      return { kind: answer['state'] };
    case 'running':
      return { kind: 'running', logBytes: count(answer, 'log_bytes') };
    case 'exited':
      return {
        kind: 'exited',
        code: count(answer, 'code'),
        endedAtMs: count(answer, 'at') * 1000,
        elapsedMs: count(answer, 'elapsed_ms'),
        logBytes: count(answer, 'log_bytes'),
      };
    case 'interrupted':
      return {
        kind: 'interrupted',
        rebooted: answer['boot'] === 'changed',
        logBytes: count(answer, 'log_bytes'),
      };
    default:
      throw new ChandlerError(
        'connection-lost',
        `the host answered a state that is not known: ${answer['state']}`,
      );
  }
}

function count(answer: Answer, key: string): number {
  const text = answer[key] ?? '';
  if (!/^\d{1,15}$/.test(text))
    throw new ChandlerError('connection-lost', `the host answered ${key}=${text}`);
  return Number(text);
}
