import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { messageOf } from '../domain/run/failure.ts';
import { classify, failure, toFailure } from './ssh-failure.ts';
import type { ExecOptions, Outcome } from './executor.ts';
import { BoundedOutput } from './bounded-output.ts';

/** What an exec needs of its connection. */
export interface Link {
  readonly client: Client;
  readonly transport: Duplex;
  readonly label: string;
  readonly gone: () => string | undefined;
  /** Called with the reason when the connection is gone. */
  readonly running: Set<(reason: string) => void>;
}

type Exit = { readonly code: number } | { readonly signal: string };

const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
const STDIN_CHUNK_BYTES = 32 * 1024;

/**
 * Runs one command line in its own exec channel. The outcome is `exited` or `signalled` only if the host closed the channel over
 * a living connection, because sshd reports an exit before it has sent all output. @throws ChandlerError channel-refused
 */
export async function runExec(link: Link, line: string, options: ExecOptions): Promise<Outcome> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => new Exec(link, options, resolve, reject).start(line));
}

class Exec {
  readonly #link: Link;
  readonly #options: ExecOptions;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #stdout: BoundedOutput;
  readonly #stderr: BoundedOutput;
  #channel: ClientChannel | undefined;
  #exit: Exit | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settled = false;
  /** The channel's `close` event, and the end of stderr, which may come later. */
  #openParts = 2;

  constructor(
    link: Link,
    options: ExecOptions,
    resolve: (outcome: Outcome) => void,
    reject: (reason: unknown) => void,
  ) {
    const { maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, maxStdoutBytes = maxOutputBytes } = options;
    this.#link = link;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stdout = new BoundedOutput(maxStdoutBytes);
    this.#stderr = new BoundedOutput(maxOutputBytes);
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

  readonly #lose = (why: string, started: 'no' | 'unknown' = 'unknown'): void => {
    const reason = `${this.#link.label}: ${why}`;
    this.#settle(() => this.#resolve({ kind: 'lost', reason, started }));
  };

  readonly #abort = (): void => this.#leave(() => this.#reject(this.#options.signal?.reason));

  readonly #timeOut = (): void => {
    this.#lose(`no answer within ${this.#options.timeoutMs} ms`);
    if (this.#channel) closeChannel(this.#channel);
  };

  #notOpened(error: unknown): void {
    const { label } = this.#link;
    const { code, started } = classify('exec', error);
    const gone = this.#link.gone();
    if (code === 'channel-refused') {
      const refused = toFailure(error, { where: 'exec', label, doing: 'the host opened no exec channel' });
      this.#settle(() => this.#reject(refused));
    } else if (started === 'no') {
      this.#lose(`${gone ?? messageOf(error)} (before the command was sent)`, started);
    } else if (gone === undefined) {
      // Over a living connection this error of ssh2 is the host's refusal.
      const what = `the host refused to run a command: ${messageOf(error)}`;
      this.#settle(() => this.#reject(failure('channel-refused', label, what, undefined, error)));
    } else this.#lose(gone);
  }

  #opened(channel: ClientChannel): void {
    this.#channel = channel;
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    // Unread output would delay `close`, so both streams are read even after an abort.
    channel.on('data', (chunk: Buffer) => this.#receive(chunk));
    channel.stderr.on('data', (chunk: Buffer) => {
      if (!this.#settled) this.#stderr.push(chunk);
    });
    channel.once('exit', (code: number | null, signal?: string) => {
      this.#exit = typeof code === 'number' ? { code } : { signal: signal ?? 'unknown' };
    });
    channel.once('close', this.#partClosed);
    channel.stderr.once('end', this.#partClosed);
    if (this.#settled) return closeChannel(channel);
    this.#options.onOpen?.();
    sendStdin(channel, this.#link.transport, this.#options.stdin ?? '', () => this.#settled);
  }

  #receive(chunk: Buffer): void {
    if (this.#settled) return;
    this.#stdout.push(chunk);
    // An error in the caller's callback ends only this exec.
    try {
      this.#options.onOutput?.(chunk);
    } catch (error) {
      this.#leave(() => this.#reject(error));
    }
  }

  readonly #partClosed = (): void => {
    this.#openParts -= 1;
    if (this.#openParts > 0 || this.#settled) return;
    const gone = this.#link.gone();
    const exit = this.#exit;
    if (gone !== undefined) return this.#lose(gone);
    if (exit === undefined) return this.#lose('the channel closed without an exit status');
    const output = { stdout: this.#stdout.text(), stderr: this.#stderr.text() };
    const outcome: Outcome =
      'code' in exit ? { kind: 'exited', ...exit, ...output } : { kind: 'signalled', ...exit, ...output };
    this.#settle(() => this.#resolve(outcome));
  };

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

/** Writes standard input in chunks, then closes it. */
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
    // ssh2 ignores the socket's backpressure, and 2 MB in its buffer would delay a keepalive.
    if (transport.writableNeedDrain) return void transport.once('drain', next);
    if (sent >= bytes.length) return void channel.end();
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
    // The connection is gone, and the channel with it.
  }
}
