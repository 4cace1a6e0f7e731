import { ChandlerError } from '../domain/failure.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import { readCount, type Answer } from './answers.ts';

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
      return { kind: 'running', logBytes: readCount(answer, 'log_bytes') };
    case 'exited':
      return {
        kind: 'exited',
        code: readCount(answer, 'code'),
        endedAtMs: readCount(answer, 'at') * 1000,
        elapsedMs: readCount(answer, 'elapsed_ms'),
        logBytes: readCount(answer, 'log_bytes'),
        ...(answer['log'] === 'cut' && { logCut: true }),
        ...(answer['by'] === 'kill' && { killed: true }),
      };
    case 'interrupted':
      return {
        kind: 'interrupted',
        rebooted: answer['boot'] === 'changed',
        logBytes: readCount(answer, 'log_bytes'),
      };
    default:
      throw new ChandlerError(
        'connection-lost',
        `the host answered a state that is not known: ${answer['state']}`,
      );
  }
}

/**
 * Reads the answers of `states` in the host program, by launch.
 *
 * @throws ChandlerError connection-lost as {@link parseLaunchState}, and for a launch that nothing was said about
 */
export function parseLaunchStates(
  answers: readonly Answer[],
  ids: readonly string[],
): Map<string, LaunchState> {
  const states = new Map(
    answers.flatMap((answer) => {
      const id = answer['launch'];
      return id === undefined ? [] : [[id, parseLaunchState(answer)] as const];
    }),
  );
  for (const id of ids) {
    if (!states.has(id))
      throw new ChandlerError('connection-lost', `the host said nothing about launch ${id}`);
  }
  return states;
}
