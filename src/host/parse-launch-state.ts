import { definedOnly } from '../domain/defined-only.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import type { LaunchState, StartWaiting } from '../domain/run/launch-state.ts';
import { plainText } from '../domain/text/plain-text.ts';
import type { Answer } from '../ssh/frames.ts';
import type { Progress } from './launch.ts';
import { decodeText, findCount, readCount } from './read-answer.ts';

/**
 * Reads the answer of `describe` in the host program.
 *
 * @throws ChandlerError connection-lost for an unknown state: unknown is never success.
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
        ...(answer['by'] === 'reboot' && { rebooted: true }),
        ...readTerminal(answer),
      };
    case 'interrupted':
      return {
        kind: 'interrupted',
        rebooted: answer['boot'] === 'changed',
        logBytes: readCount(answer, 'log_bytes'),
        ...(answer['gone'] === 'yes' && { recordsBroken: true }),
      };
    default:
      throw new ChandlerError('connection-lost', `the host reported an unknown state: ${answer['state']}`);
  }
}

function readTerminal(answer: Answer): { terminalLostAtMs?: number; endedWithTerminal?: string[] } {
  const lostAt = findCount(answer, 'lost');
  const ended = decodeText(answer['hup'])
    .split('\n')
    .map((command) => plainText(command).replaceAll(/\s+/g, ' ').trim())
    .filter((command) => command !== '');
  return definedOnly({
    terminalLostAtMs: lostAt === undefined ? undefined : lostAt * 1000,
    endedWithTerminal: ended.length > 0 ? ended : undefined,
  });
}

/** Reads why a launch has not begun from the answers of `start` in the host program. */
export function parseStartWaiting(answers: readonly Answer[]): StartWaiting | undefined {
  const answer = answers.find((candidate) => candidate['waiting'] !== undefined);
  const reason = answer?.['waiting'];
  if (reason !== 'login-shell' && reason !== 'input' && reason !== 'nothing') return undefined;
  return { for: reason, output: boundedText(plainText(decodeText(answer?.['output'])), 1000) };
}

/** In characters. */
const MAX_LINE_LENGTH = 200;

/** Reads answers of `progress` in the host program, and reports those that are well-formed. */
export function progressReader(report?: (progress: Progress) => void): (answer: Answer) => void {
  return (answer) => {
    const logBytes = findCount(answer, 'log_bytes');
    if (logBytes === undefined) return;
    const { tail, input = '' } = answer;
    const isKnown = /^(none|\d{1,10}(-\d{0,20})?)$/.test(input);
    const prompt = input === 'none' ? '' : input;
    report?.({ logBytes, lastLine: lastLineOf(decodeText(tail)), ...(isKnown && { prompt }) });
  };
}

/** The end of the last line that is not empty. A line that a program updates in place consists of several, ended by returns. */
function lastLineOf(tail: string): string {
  const lines = tail.replaceAll('\0', '').split(/[\r\n]+/);
  return Array.from(lines.findLast((line) => line !== '') ?? '')
    .slice(-MAX_LINE_LENGTH)
    .join('');
}

/**
 * Reads the answers of `states` in the host program, by launch.
 *
 * @throws ChandlerError connection-lost as {@link parseLaunchState}, and for a launch without an answer
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
      throw new ChandlerError('connection-lost', `the host reported nothing about launch ${id}`);
  }
  return states;
}
