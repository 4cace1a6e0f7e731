import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { poll } from './poll.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ChandlerOptions {
  /** Added to an environment of only PATH, HOME and XDG_STATE_HOME. */
  readonly env?: Record<string, string>;
  /** HOME, and the directory for the state of `dev` and `sandbox`. */
  readonly home: string;
  readonly input?: string;
  /** Closes the reading end of stdout before the program prints anything. */
  readonly closeStdout?: boolean;
  /** Sends SIGINT after this many milliseconds, or once the output matches. */
  readonly interrupt?: number | RegExp;
  /** Calls `act` once the output matches `shows`. */
  readonly when?: { readonly shows: RegExp; readonly act: () => unknown };
}

/** The program's exit code, or the signal that ended it, and its output. */
export interface Ended {
  readonly exitCode: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program without a terminal. Fails if any of its processes is left after its end. */
export async function chandler(args: readonly string[], options: ChandlerOptions): Promise<Ended> {
  const { home, env, interrupt, when } = options;
  const child = spawn(process.execPath, ['--', 'dist/cli/main.js', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home, ...env },
    // Its own process group, which must be empty after its end.
    detached: true,
    timeout: 250_000,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  const matches = (pattern: RegExp) => pattern.test(output.stdout) || pattern.test(output.stderr);
  let [interrupted, acted] = [false, false];
  let acting: unknown;
  const react = () => {
    if (interrupt instanceof RegExp && !interrupted && matches(interrupt)) {
      interrupted = true;
      child.kill('SIGINT');
    }
    if (when && !acted && matches(when.shows)) {
      acted = true;
      acting = when.act();
    }
  };
  const collect = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
    output[name] += chunk.toString();
    react();
  };
  if (options.closeStdout) child.stdout.destroy();
  else child.stdout.on('data', collect('stdout'));
  child.stderr.on('data', collect('stderr'));
  const timer = typeof interrupt === 'number' && setTimeout(() => child.kill('SIGINT'), interrupt);
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const exitCode = await new Promise<Ended['exitCode']>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  if (timer) clearTimeout(timer);
  await acting;
  const group = -(child.pid ?? 0);
  await poll(
    () => isGone(group),
    `every process of chandler ${args.join(' ')} ends`,
    () => output.stderr,
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

/** Maps the items with `work`, at most `atOnce` at a time. */
export async function mapConcurrently<T, R>(
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
