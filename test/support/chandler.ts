import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { poll } from './poll.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ChandlerOptions {
  /** Beside PATH and HOME, nothing of this machine's settings is there. */
  readonly env?: Record<string, string>;
  /** For HOME and the state of `dev` and `sandbox`. */
  readonly home: string;
  readonly input?: string;
  /** Nobody reads what it prints, from the start. */
  readonly closeStdout?: boolean;
  /** Sends SIGINT after so many milliseconds, or once the output shows this. */
  readonly interrupt?: number | RegExp;
  /** Does something once the output shows this. */
  readonly when?: { readonly shows: RegExp; readonly act: () => unknown };
}

/** How the program ended, or by which signal, and what it printed. */
export interface Ended {
  readonly exitCode: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program as a person without a terminal would; nothing of it may be left when it has ended. */
export async function chandler(args: readonly string[], options: ChandlerOptions): Promise<Ended> {
  const { home, env, interrupt, when } = options;
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home, ...env },
    // A group of its own, in which nobody may be left.
    detached: true,
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  const shown = (pattern: RegExp) => pattern.test(output.stdout) || pattern.test(output.stderr);
  let [interrupted, acted] = [false, false];
  const look = () => {
    if (interrupt instanceof RegExp && !interrupted && shown(interrupt)) {
      interrupted = true;
      child.kill('SIGINT');
    }
    if (when && !acted && shown(when.shows)) {
      acted = true;
      void when.act();
    }
  };
  const take = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
    output[name] += chunk.toString();
    look();
  };
  if (options.closeStdout) child.stdout.destroy();
  else child.stdout.on('data', take('stdout'));
  child.stderr.on('data', take('stderr'));
  const timer = typeof interrupt === 'number' && setTimeout(() => child.kill('SIGINT'), interrupt);
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const exitCode = await new Promise<Ended['exitCode']>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  if (timer) clearTimeout(timer);
  const group = -(child.pid ?? 0);
  await poll(
    () => isGone(group),
    `everything of chandler ${args.join(' ')} ends`,
    () => output.stderr,
    10_000,
  );
  return { exitCode, ...output };
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Does something with each, so many at once. */
export async function eachOf<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const waiting = items.entries();
  const done: R[] = [];
  const lane = async () => {
    for (const [i, item] of waiting) done[i] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return done;
}
