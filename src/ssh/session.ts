import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { messageOf } from '../domain/failure.ts';
import { classify, failure, toFailure } from './errors.ts';
import type { ExecOptions, Outcome } from './executor.ts';
import { BoundedOutput, LineSplitter } from './output.ts';

/** The connection as one session sees it. */
export interface Link {
  readonly client: Client;
  readonly transport: Duplex;
  readonly label: string;
  /** Why the connection is gone; undefined while it lives. */
  readonly gone: () => string | undefined;
  /** One entry for each session under way: called with the reason when the connection is gone. */
  readonly running: Set<(reason: string) => void>;
}

type Exit = { readonly code: number } | { readonly signal: string };

const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const STDIN_CHUNK_BYTES = 32 * 1024;

/**
 * Runs one command line in a session of its own and waits for its end.
 *
 * Resolves to `exited` or `signalled` only if the host reported the exit and then closed the session over a living
 * connection. sshd reports an exit before it has sent all output, so an exit status followed by a broken connection
 * may come with half the output: that is `lost`, like everything else that is not certain.
 *
 * @throws ChandlerError channel-refused if the host opened no session (nothing was run); the signal's reason.
 */
export async function runInSession(link: Link, line: string, options: ExecOptions): Promise<Outcome> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const session = new Session(link, options, resolve, reject);
    session.start(line);
  });
}

class Session {
  readonly #link: Link;
  readonly #options: ExecOptions;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #stdout: BoundedOutput;
  readonly #stderr: BoundedOutput;
  readonly #lines: LineSplitter | undefined;
  #channel: ClientChannel | undefined;
  #exit: Exit | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settled = false;
  /** Both the channel's `close` and the end of stderr have to be seen: stderr may end after the channel. */
  #openParts = 2;

  constructor(
    link: Link,
    options: ExecOptions,
    resolve: (outcome: Outcome) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#link = link;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stdout = new BoundedOutput(options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES);
    this.#stderr = new BoundedOutput(options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES);
    this.#lines = options.onLine && new LineSplitter(options.onLine, MAX_LINE_BYTES);
  }

  start(line: string): void {
    const { signal, timeoutMs } = this.#options;
    this.#link.running.add(this.#lose);
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (timeoutMs !== undefined) this.#timer = setTimeout(this.#timeOut, timeoutMs);
    try {
      this.#link.client.exec(line, (error, channel) =>
        error ? this.#notOpened(error) : this.#opened(channel),
      );
    } catch (error) {
      this.#notOpened(error);
    }
  }

  readonly #lose = (reason: string): void => {
    this.#settle(() =>
      this.#resolve({ kind: 'lost', reason: `${this.#link.label}: ${reason}`, started: 'unknown' }),
    );
  };

  readonly #abort = (): void => this.#leave(() => this.#reject(this.#options.signal?.reason));

  readonly #timeOut = (): void => {
    const reason = `${this.#link.label}: no answer within ${this.#options.timeoutMs} ms`;
    this.#leave(() => this.#resolve({ kind: 'lost', reason, started: 'unknown' }));
  };

  #notOpened(error: unknown): void {
    const { label } = this.#link;
    const { code, started } = classify('session', error);
    if (code === 'channel-refused') {
      const refused = toFailure(error, { where: 'session', label, doing: 'the host opened no session' });
      this.#settle(() => this.#reject(refused));
    } else if (started === 'no') {
      const reason = `${label}: ${this.#link.gone() ?? messageOf(error)} (before the command was sent)`;
      this.#settle(() => this.#resolve({ kind: 'lost', reason, started }));
    } else if (this.#link.gone() === undefined) {
      // "Unable to exec" over a living connection is the host's own refusal; otherwise it is ambiguous.
      const refused = failure(
        'channel-refused',
        label,
        `the host refused to run a command: ${messageOf(error)}`,
        undefined,
        error,
      );
      this.#settle(() => this.#reject(refused));
    } else this.#lose(this.#link.gone() ?? messageOf(error));
  }

  #opened(channel: ClientChannel): void {
    this.#channel = channel;
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    // Both streams are drained for good, also after an abort: unread output holds back `close`.
    channel.on('data', (chunk: Buffer) => this.#receive(chunk));
    channel.stderr.on('data', (chunk: Buffer) => {
      if (!this.#settled) this.#stderr.push(chunk);
    });
    channel.once('exit', (code: number | null, signal?: string) => {
      this.#exit = typeof code === 'number' ? { code } : { signal: signal ?? 'unknown' };
    });
    channel.once('close', this.#partClosed);
    channel.stderr.once('end', this.#partClosed);
    if (this.#settled) closeChannel(channel);
    else sendStdin(channel, this.#link.transport, this.#options.stdin ?? '', () => this.#settled);
  }

  #receive(chunk: Buffer): void {
    if (this.#settled) return;
    this.#stdout.push(chunk);
    this.#hand(() => this.#lines?.push(chunk));
  }

  readonly #partClosed = (): void => {
    this.#openParts -= 1;
    if (this.#openParts > 0 || this.#settled) return;
    const gone = this.#link.gone();
    const exit = this.#exit;
    if (gone !== undefined) return this.#lose(gone);
    if (exit === undefined) return this.#lose('the session closed without an exit status');
    this.#hand(() => this.#lines?.finish());
    const output = { stdout: this.#stdout.text(), stderr: this.#stderr.text() };
    this.#settle(() =>
      this.#resolve(
        'code' in exit ? { kind: 'exited', ...exit, ...output } : { kind: 'signalled', ...exit, ...output },
      ),
    );
  };

  /** Calls the caller's code: what it throws ends this session, not the process or the connection. */
  #hand(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#leave(() => this.#reject(error));
    }
  }

  #leave(end: () => void): void {
    this.#settle(end);
    if (this.#channel) closeChannel(this.#channel);
  }

  #settle(end: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#link.running.delete(this.#lose);
    end();
  }
}

/** Writes standard input a piece at a time and then its end. A command that reads none of it just ends first. */
function sendStdin(
  channel: ClientChannel,
  transport: Duplex,
  stdin: string | Uint8Array,
  isOver: () => boolean,
): void {
  const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
  let sent = 0;
  const next = (error?: Error | null): void => {
    if (isOver() || error) return;
    // ssh2 ignores the socket's backpressure; without this a whole window of 2 MB would wait in front of a keepalive.
    if (transport.writableNeedDrain) {
      transport.once('drain', next);
      return;
    }
    if (sent >= bytes.length) {
      channel.end();
      return;
    }
    const chunk = bytes.subarray(sent, sent + STDIN_CHUNK_BYTES);
    sent += chunk.length;
    channel.write(chunk, next);
  };
  next();
}

function closeChannel(channel: ClientChannel): void {
  try {
    channel.close();
  } catch {
    // The connection is gone already, and the channel with it.
  }
}
