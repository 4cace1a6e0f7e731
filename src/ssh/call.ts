import { formatDuration } from '../domain/text/duration.ts';
import { ChandlerError, isFailureCode } from '../domain/run/failure.ts';
import type { Command } from '../shell/index.ts';
import { codeOfText } from './code-of-text.ts';
import type { ExecOptions, Executor, Outcome } from './executor.ts';
import { FrameReader, makeToken, parseAnswer, type Answer } from './frames.ts';
import { explainSilence, SLOW_LOGIN_ADVICE } from './explain-silence.ts';
import type { Patience } from './patience.ts';
import { describePrinted, type Printed } from './describe-printed.ts';

export interface CallOptions extends Pick<ExecOptions, 'stdin' | 'timeoutMs'> {
  readonly signal?: AbortSignal | undefined;
  /** Receives progress answers, which are not kept. */
  readonly onProgress?: (answer: Answer) => void;
  /** Until then the program waits for nothing but the tools and the disk of the host, so a long silence of it is trouble. */
  readonly isShortUntil?: 'first-answer' | 'end' | undefined;
}

export interface Reply {
  readonly answers: readonly Answer[];
  /** True once the program has ended or refused: then `answers` is complete. */
  readonly complete: boolean;
  /** Whether other output landed inside an answer. */
  readonly damaged: boolean;
  readonly begun: boolean;
  /**
   * `open`: a process of the login keeps the exec open after the program's end. `late`: the program did not begin in time. `stuck`: a
   * short program did not answer in time.
   */
  readonly outcome:
    | Outcome
    | { readonly kind: 'open' }
    | { readonly kind: 'late'; readonly afterMs: number }
    | { readonly kind: 'stuck'; readonly afterMs: number };
  readonly printed: Printed;
}

const STUCK_ADVICE =
  'Find what hangs on the host (`ps axf` shows the command): a file system that does not answer (df), a disk that does not finish ' +
  'writing (sync), a tool that is replaced, or a forced command that runs others on a terminal (script). Chandler retries with more time.';
/** A program returns at most one answer for each launch. */
const MAX_ANSWERS = 512;
/** In characters. */
const MAX_ANSWERS_LENGTH = 6_000_000;
const MAX_PRINTED_BYTES = 64 * 1024;
const MAX_STDOUT_BYTES = 4 * 1024;
/** How long an exec may stay open after the program has ended. */
const CLOSE_MS = 2000;

/** Runs a program that frames its answers with the token. @throws ChandlerError what the executor throws */
export async function call(
  executor: Executor,
  command: (token: string) => Command,
  options: CallOptions,
): Promise<Reply> {
  const token = makeToken();
  const reader = new FrameReader(token);
  const kept = new KeptAnswers();
  const over = new AbortController();
  let complete = false;
  let timer: NodeJS.Timeout | undefined;
  let begun = false;
  const beginning = watch(executor.patience, over);
  const answering = watch(options.isShortUntil && executor.answerPatience, over);
  const onOutput = (chunk: Uint8Array): void => {
    for (const body of reader.push(chunk)) {
      if (!begun) answering.start();
      begun = true;
      beginning.happened();
      const answer = parseAnswer(body);
      if (!answer) continue;
      if (options.isShortUntil === 'first-answer' && answer['begun'] === undefined) answering.happened();
      if (answer['progress'] !== undefined) {
        options.onProgress?.(answer);
        continue;
      }
      if (answer['end'] === undefined && answer['begun'] === undefined) kept.push(answer, body.length);
      if (answer['end'] === undefined && answer['refused'] === undefined) continue;
      complete = true;
      answering.happened();
      timer ??= setTimeout(() => over.abort(), CLOSE_MS);
    }
  };
  const { stdin, timeoutMs, signal } = options;
  let outcome: Reply['outcome'];
  try {
    outcome = await executor.exec(command(token), {
      stdin,
      timeoutMs,
      onOpen: beginning.start,
      onOutput,
      maxOutputBytes: MAX_PRINTED_BYTES,
      // `onOutput` reads the answers, so this only serves messages. A wait of several days prints more than any limit.
      maxStdoutBytes: MAX_STDOUT_BYTES,
      signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (!over.signal.aborted) throw error;
    outcome = { kind: 'open' };
    if (beginning.afterMs !== undefined) outcome = { kind: 'late', afterMs: beginning.afterMs };
    if (answering.afterMs !== undefined) outcome = { kind: 'stuck', afterMs: answering.afterMs };
  } finally {
    clearTimeout(timer);
    beginning.end();
    answering.end();
  }
  const printed = { stdout: reader.printed, stderr: 'stderr' in outcome ? outcome.stderr : '' };
  return { answers: kept.answers, begun, complete, damaged: reader.damaged, outcome, printed };
}

/**
 * Returns the answers of a reply, or fails. @throws ChandlerError the program's own refusal, login-interferes, or connection-lost
 * (it may or may not have run)
 */
export async function readReply(executor: Executor, what: string, reply: Reply): Promise<readonly Answer[]> {
  const { answers, outcome, printed } = reply;
  const refusal = answers.find((answer) => answer['refused'] !== undefined);
  if (refusal) throw toRefusal(refusal, what);
  if (reply.damaged) {
    const message = `${what}: other output landed inside an answer of the host: ${describePrinted(printed)}`;
    throw new ChandlerError('connection-lost', message);
  }
  if (reply.complete || outcome.kind === 'open') return answers;
  if (outcome.kind === 'late') {
    const message =
      `${what}: Chandler's command did not begin within ${formatDuration(outcome.afterMs)}: ` +
      `a startup file of the login shell, or a forced command, takes long or never ends; ${describePrinted(printed)}`;
    throw new ChandlerError('connection-lost', message, { facts: { advice: SLOW_LOGIN_ADVICE } });
  }
  if (outcome.kind === 'stuck') {
    const message =
      `${what}: Chandler's command began, but did not answer within ${formatDuration(outcome.afterMs)}: ` +
      `a program or a file system of the host hangs, or what runs the command keeps its input open; ${describePrinted(printed)}`;
    throw new ChandlerError('connection-lost', message, { facts: { advice: STUCK_ADVICE } });
  }
  if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', `${what}: ${outcome.reason}`);
  const how = outcome.kind === 'signalled' ? outcome.signal : `exit ${outcome.code}`;
  if (!reply.begun) {
    const interference = await explainSilence(executor, `${what}: `, how, printed);
    if (interference) throw interference;
  }
  // The program ended before it could report, so what it did is unknown.
  if (outcome.kind === 'signalled' || outcome.code > 128 || outcome.code === 0) {
    throw new ChandlerError('connection-lost', `${what}: the host ended the command with ${how}`);
  }
  const code = codeOfText(printed.stderr) ?? 'host-unsupported';
  throw new ChandlerError(code, `${what}: exit ${outcome.code}: ${describePrinted(printed)}`);
}

export async function ask(
  executor: Executor,
  what: string,
  command: (token: string) => Command,
  options: CallOptions,
): Promise<readonly Answer[]> {
  return readReply(executor, what, await call(executor, command, options));
}

/** Aborts `over` if what is watched has not happened when patience runs out. */
function watch(patience: Patience | undefined, over: AbortController) {
  let startedMs = 0;
  let isOver = patience === undefined;
  let timer: NodeJS.Timeout | undefined;
  const watched = {
    afterMs: undefined as number | undefined,
    start: () => {
      if (!patience || isOver) return;
      const { ms } = patience;
      startedMs = performance.now();
      timer = setTimeout(() => {
        patience.ranOut(ms);
        watched.afterMs = ms;
        over.abort();
      }, ms);
    },
    happened: () => {
      if (isOver) return;
      watched.end();
      patience?.took(performance.now() - startedMs);
    },
    end: () => {
      isOver = true;
      clearTimeout(timer);
    },
  };
  return watched;
}

/** Keeps only the last answers, because a hostile host may send any number. */
class KeptAnswers {
  readonly answers: Answer[] = [];
  readonly #lengths: number[] = [];
  #room = MAX_ANSWERS_LENGTH;

  push(answer: Answer, length: number): void {
    this.answers.push(answer);
    this.#lengths.push(length);
    this.#room -= length;
    for (; this.#room < 0 || this.answers.length > MAX_ANSWERS; this.answers.shift())
      this.#room += this.#lengths.shift() ?? 0;
  }
}

function toRefusal(answer: Answer, what: string): ChandlerError {
  const code = answer['refused'] ?? '';
  const text = Buffer.from(answer['text'] ?? '', 'base64').toString('utf8');
  return new ChandlerError(isFailureCode(code) ? code : 'host-unsupported', `${what}: ${text}`);
}
