import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { render } from '../../src/shell/index.ts';
import type { Executor, Outcome } from '../../src/ssh/executor.ts';

const DEFAULT_OUTPUT_BYTES = 1024 * 1024;

/** Runs commands on this machine as sshd would: one `sh -c` each, no terminal. `shell` is the program and its first arguments. */
export class LocalExecutor implements Executor {
  readonly #shell: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  /** Every command line that was asked for, as rendered. */
  readonly asked: string[] = [];

  constructor(options: { shell?: readonly string[]; env?: NodeJS.ProcessEnv } = {}) {
    this.#shell = options.shell ?? ['sh'];
    this.#env = options.env ?? process.env;
  }

  async exec(...[command, options = {}]: Parameters<Executor['exec']>): Promise<Outcome> {
    options.signal?.throwIfAborted();
    const line = render(command);
    this.asked.push(line);
    const [program = 'sh', ...words] = this.#shell;
    // A group of its own, so that closing the channel ends what still reads from it. What uses setsid lives on.
    const child = spawn(program, [...words, '-c', line], { env: this.#env, detached: true });
    const stdout = new Output(options);
    const stderr = new Output({ ...options, onLine: undefined });
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A command that ends without reading its input is no error.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
    const giveUp = AbortSignal.any([
      ...(options.signal ? [options.signal] : []),
      ...(options.timeoutMs === undefined ? [] : [AbortSignal.timeout(options.timeoutMs)]),
    ]);
    let ended: [number | null, NodeJS.Signals | null];
    try {
      ended = (await once(child, 'close', { signal: giveUp })) as typeof ended;
    } catch (error) {
      if (!giveUp.aborted) throw error;
      if (child.pid !== undefined) killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
      options.signal?.throwIfAborted();
      return { kind: 'lost', reason: `no answer within ${options.timeoutMs} ms`, started: 'unknown' };
    }
    const [code, signal] = ended;
    stdout.finish();
    const texts = { stdout: stdout.text(), stderr: stderr.text() };
    return code === null
      ? { kind: 'signalled', signal: signal ?? 'unknown', ...texts }
      : { kind: 'exited', code, ...texts };
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

class Output {
  readonly #options: { maxOutputBytes?: number; onLine?: ((line: string) => void) | undefined };
  readonly #chunks: Buffer[] = [];
  #room: number;
  #line: Buffer = Buffer.alloc(0);

  constructor(options: { maxOutputBytes?: number; onLine?: ((line: string) => void) | undefined }) {
    this.#options = options;
    this.#room = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
  }

  push(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#room);
    this.#room -= kept.length;
    this.#chunks.push(kept);
    if (!this.#options.onLine) return;
    const lines = Buffer.concat([this.#line, chunk]).toString('latin1').split('\n');
    this.#line = Buffer.from(lines.pop() ?? '', 'latin1');
    for (const line of lines) this.#options.onLine(Buffer.from(line, 'latin1').toString('utf8'));
  }

  /** Hands over a last line that has no end. */
  finish(): void {
    if (this.#line.length > 0) this.#options.onLine?.(this.#line.toString('utf8'));
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
