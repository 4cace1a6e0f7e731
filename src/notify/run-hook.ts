import { spawn } from 'node:child_process';
import { reasonOf } from '../domain/run/failure.ts';

/** The part of a failed hook's standard error that is reported, in characters. */
const MAX_STDERR_LENGTH = 500;
/** The pause between reads of further output, which is discarded. */
const DROP_PAUSE_MS = 10;
/** How long to read the output of a failed hook after its end, if a background process keeps it open. */
const LAST_OUTPUT_MS = 200;

/** Waits for its watcher to be ready: `read` consumes one line, the rest is the hook's input. */
const HOOK = 'read -r begin && exec /bin/sh -c "$1"';
/**
 * Reads a line when the hook is over, or the end of file if this process dies; then it kills the hook's group. dash, bash and
 * busybox accept this `kill`.
 */
const WATCHER = 'read -r over || kill -9 "-$1"';

interface HookOptions {
  readonly input: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a shell command in its own process group. The group is killed when the time is over, and also when this process dies,
 * because another worker then starts the hook again. Background processes of a hook that has ended keep running.
 *
 * @throws Error why it failed, worded to follow "the command"
 */
export function runHook(command: string, { input, env, limitMs, signal }: HookOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const hook = spawn('/bin/sh', ['-c', HOOK, 'hook', command], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env,
    });
    // Detached as well: it must outlive a signal to the worker's group.
    const watcher = spawn('/bin/sh', ['-c', WATCHER, 'watcher', String(hook.pid)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    let stderr = '';
    let isOver = false;
    const settle = (problem?: string) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      watcher.stdin.end('over\n');
      hook.stderr.destroy();
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    };
    const end = (why: string) => settle(`${why}${endGroup(hook.pid)}`);
    const stop = () => end('was ended because the worker stops');
    const timer = setTimeout(() => end(`took longer than ${limitMs / 1000} s`), limitMs);
    signal?.addEventListener('abort', stop);

    hook.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_STDERR_LENGTH) {
        stderr = (stderr + text).slice(0, MAX_STDERR_LENGTH);
        return;
      }
      hook.stderr.pause();
      setTimeout(() => hook.stderr.resume(), DROP_PAUSE_MS);
    });
    // A command may end without reading its input, which breaks the pipe.
    for (const pipe of [hook.stdin, watcher.stdin]) pipe.on('error', () => undefined);
    watcher.once('spawn', () => hook.stdin.end(`begin\n${input}`));
    watcher.once('error', (error) => end(`cannot be watched: ${error.message}`));
    hook.once('error', (error) => settle(`cannot be run: ${error.message}`));
    // The exit may come before the output, and a background process may hold the output open without limit.
    hook.once('exit', (code, signalName) => {
      if (code === 0) return settle();
      const fail = () => settle(`ended with ${signalName ?? `exit ${code}`}: ${stderr.trim()}`);
      if (hook.stderr.closed) return fail();
      hook.stderr.once('close', fail);
      // If this process was suspended, the timer is due at once; Node reads pending output between a timer and an immediate.
      setTimeout(() => setImmediate(fail), LAST_OUTPUT_MS);
    });
  });
}

/** Ends a process group. Returns why that failed: with sudo it belongs to another user. */
function endGroup(pid: number | undefined): string {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    return '';
  } catch (error) {
    return `, and could not be ended: ${reasonOf(error)}`;
  }
}
