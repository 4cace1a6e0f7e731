import { ChandlerError } from '../domain/run/failure.ts';
import type { Answer } from '../ssh/frames.ts';

/** The last answer that has `key`. @throws ChandlerError connection-lost if there is none */
export function requireAnswer(answers: readonly Answer[], key: string, what: string): Answer {
  const answer = answers.findLast((candidate) => candidate[key] !== undefined);
  if (!answer) throw new ChandlerError('connection-lost', `${what}: the host gave no answer (${key})`);
  return answer;
}

/** Decodes a text for people, see `word_of` in facts.sh and `encode` in common.sh; never throws. */
export function decodeText(word = ''): string {
  return word.startsWith(':') ? word.slice(1) : Buffer.from(word, 'base64').toString('utf8');
}

/** The whole number under `key`, if there is one. */
export function findCount(answer: Answer, key: string): number | undefined {
  const text = answer[key] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The whole number under `key`. @throws ChandlerError connection-lost for anything else */
export function readCount(answer: Answer, key: string): number {
  const count = findCount(answer, key);
  if (count === undefined)
    throw new ChandlerError('connection-lost', `the host answered ${key}=${answer[key] ?? ''}`);
  return count;
}

/** The text under `key`, as {@link decodeText}. @throws ChandlerError connection-lost if it is missing or malformed */
export function readText(answer: Answer, key: string): string {
  const word = answer[key];
  // Node skips characters that are not base64.
  if (!word?.startsWith(':') && Buffer.from(word ?? '', 'base64').toString('base64') !== word)
    throw new ChandlerError('connection-lost', `the host answered ${key}=${word}`);
  return decodeText(word);
}

/**
 * A path for commands and messages.
 *
 * @throws ChandlerError host-unsupported if it is not usable; connection-lost as {@link readText}
 */
export function readPath(answer: Answer, key: string): string {
  const path = readText(answer, key);
  if (!isUsablePath(path)) throw new ChandlerError('host-unsupported', `the host answered ${key}=${path}`);
  return path;
}

/** Absolute, at most PATH_MAX long, on one line and without control characters. */
export function isUsablePath(path: string): boolean {
  return /^\/[^\p{Cc}\p{Cf}\u2028\u2029]{0,4094}$/u.test(path);
}
