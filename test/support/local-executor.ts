import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { render } from '../../src/shell/index.ts';
import type { Executor, Outcome } from '../../src/ssh/executor.ts';
import { BoundedOutput } from '../../src/ssh/bounded-output.ts';

const DEFAULT_OUTPUT_BYTES = 1024 * 1024;

/** Runs commands on this machine as sshd does: one `sh -c` each, no terminal. `shell` is the program and its first arguments. */
export class LocalExecutor implements Executor {
  readonly #shell: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  /** Every rendered command line so far. */
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
    // Its own process group, so that closing the channel ends its readers. Processes that call setsid stay alive, as under sshd.
    const child = spawn(program, [...words, '-c', line], { env: this.#env, detached: true });
    const { maxOutputBytes = DEFAULT_OUTPUT_BYTES } = options;
    const stdout = new BoundedOutput(maxOutputBytes);
    const stderr = new BoundedOutput(maxOutputBytes);
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      options.onOutput?.(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A command may end without reading its input.
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
