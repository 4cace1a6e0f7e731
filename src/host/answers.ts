import { ChandlerError, isFailureCode, type FailureCode } from '../domain/failure.ts';
import type { Outcome } from '../ssh/executor.ts';

/** The key=value words of one `chandler:` line. */
export type Answer = Readonly<Record<string, string>>;

const MARK = 'chandler: ';

/** The words of a line of a host program; nothing for a line that is not one: ours say nothing twice. */
export function parseAnswer(line: string): Answer | undefined {
  if (!line.startsWith(MARK)) return undefined;
  const pairs = line
    .slice(MARK.length)
    .split(' ')
    .map((word): [string, string] => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    });
  return new Set(pairs.map(([key]) => key)).size === pairs.length ? Object.fromEntries(pairs) : undefined;
}

/** The answers among the lines of a text. */
function parseAnswers(text: string): Answer[] {
  return text
    .split('\n')
    .map(parseAnswer)
    .filter((answer) => answer !== undefined);
}

/**
 * The answers of a host program, if it ran to its end.
 *
 * @throws ChandlerError the program's own refusal; `connection-lost` when it is unknown whether it ran.
 */
export function readAnswers(outcome: Outcome, what: string, answers: Answer[]): Answer[] {
  if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', `${what}: ${outcome.reason}`);
  const refusal = answers.find((answer) => answer['refused'] !== undefined);
  if (refusal) throw toRefusal(refusal, what);
  if (outcome.kind === 'signalled') {
    throw new ChandlerError('connection-lost', `${what}: the host ended the command with ${outcome.signal}`);
  }
  if (outcome.code !== 0) {
    const said = outcome.stderr.trim().split('\n').at(-1) ?? '';
    throw new ChandlerError(classify(said), `${what}: exit ${outcome.code}${said === '' ? '' : `: ${said}`}`);
  }
  return answers;
}

/** As {@link readAnswers}, of a program that was sent over standard input and whose whole output is small. */
export function readOutcome(outcome: Outcome, what: string): Answer[] {
  return readAnswers(outcome, what, outcome.kind === 'exited' ? parseAnswers(outcome.stdout) : []);
}

/** The one answer that holds `key`. */
export function pick(answers: readonly Answer[], key: string, what: string): Answer {
  const answer = answers.findLast((candidate) => candidate[key] !== undefined);
  // No answer is not an answer: something between us and the program swallowed it.
  if (!answer) throw new ChandlerError('connection-lost', `${what}: the host gave no answer (${key})`);
  return answer;
}

/** Text for people, as far as it can be read. */
export function decodeText(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

/** The whole number that the answer holds under `key`, if it holds one. */
export function findCount(answer: Answer, key: string): number | undefined {
  const text = answer[key] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** @throws ChandlerError connection-lost unless the answer holds a whole number under `key` */
export function readCount(answer: Answer, key: string): number {
  const count = findCount(answer, key);
  if (count === undefined)
    throw new ChandlerError('connection-lost', `the host answered ${key}=${answer[key] ?? ''}`);
  return count;
}

/** @throws ChandlerError connection-lost unless the answer holds, under `key`, a whole text in base64 */
export function readText(answer: Answer, key: string): string {
  const base64 = answer[key];
  const bytes = Buffer.from(base64 ?? '', 'base64');
  // Node reads on past what is no base64; a text that was cut or changed on its way is none.
  if (bytes.toString('base64') !== base64)
    throw new ChandlerError('connection-lost', `the host answered ${key}=${base64}`);
  return bytes.toString('utf8');
}

/**
 * A path that becomes part of commands and messages.
 *
 * @throws ChandlerError host-unsupported for one that cannot be; connection-lost as {@link readText}
 */
export function readPath(answer: Answer, key: string): string {
  const path = readText(answer, key);
  if (!isUsablePath(path)) throw new ChandlerError('host-unsupported', `the host answered ${key}=${path}`);
  return path;
}

/** Absolute, no longer than a system takes (PATH_MAX), and one line that drives no terminal. */
export function isUsablePath(path: string): boolean {
  return /^\/[^\p{Cc}\p{Cf}\u2028\u2029]{0,4094}$/u.test(path);
}

function toRefusal(answer: Answer, what: string): ChandlerError {
  const code = answer['refused'] ?? '';
  const text = decodeText(answer['text']);
  return new ChandlerError(isFailureCode(code) ? code : 'host-unsupported', `${what}: ${text}`);
}

const SAID: readonly (readonly [RegExp, FailureCode])[] = [
  [/No space left|Disk quota exceeded/, 'disk-full'],
  [/Read-only file system|Permission denied|Operation not permitted/, 'state-directory-unwritable'],
];

/** What a system's own error text means for us. */
export function classify(said: string): FailureCode {
  return SAID.find(([pattern]) => pattern.test(said))?.[1] ?? 'host-unsupported';
}
