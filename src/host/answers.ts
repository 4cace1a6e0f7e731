import { ChandlerError, isFailureCode, type FailureCode } from '../domain/failure.ts';
import type { Outcome } from '../ssh/executor.ts';

/** The key=value words of one `chandler:` line. */
export type Answer = Readonly<Record<string, string>>;

const MARK = 'chandler: ';

/** The words of a line of a host program; nothing for a line that is not one. */
export function parseAnswer(line: string): Answer | undefined {
  if (!line.startsWith(MARK)) return undefined;
  const pairs = line
    .slice(MARK.length)
    .split(' ')
    .map((word): [string, string] => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    });
  return Object.fromEntries(pairs);
}

/** The answers among the lines of a text. */
export function parseAnswers(text: string): Answer[] {
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

/** The one answer that holds `key`. */
export function pick(answers: readonly Answer[], key: string, what: string): Answer {
  const answer = answers.findLast((candidate) => candidate[key] !== undefined);
  // No answer is not an answer: something between us and the program swallowed it.
  if (!answer) throw new ChandlerError('connection-lost', `${what}: the host gave no answer (${key})`);
  return answer;
}

export function decodeText(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
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
