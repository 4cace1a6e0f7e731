import { spawn } from 'node:child_process';
import { reasonOf } from '../domain/failure.ts';

/** Of what a hook says when it fails. Characters. */
const MAX_SAID_LENGTH = 500;
/** How long one that says more is not listened to between two pieces. Milliseconds. */
const DEAF_MS = 10;

/** The hook begins once its watcher is there, or never. A shell reads no further than to the end of a line. */
const HOOK = 'read -r begin && exec /bin/sh -c "$1"';
/**
 * Nothing is read once whoever started it has died, however that happened; a line says that the hook is over. Of the ways to
 * name a signal and a group, dash, bash and busybox all take this one.
 */
const WATCHER = 'read -r over || kill -9 "-$1"';

/** What a hook is told, and for how long it may run. */
export interface HookOrder {
  readonly input: string;
  readonly env: NodeJS.ProcessEnv;
  readonly limitMs: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a shell command in a process group of its own, which is ended when its time is over, and also when this process dies:
 * what has no worker any more is started again by another. What a command that has ended left behind is left alone.
 *
 * @throws Error that tells why it has not succeeded, to be read after "the command"
 */
export function runHook(command: string, { input, env, limitMs, signal }: HookOrder): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const hook = spawn('/bin/sh', ['-c', HOOK, 'hook', command], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env,
    });
    // Detached, too: what ends the worker's own group must not end this first.
    const watcher = spawn('/bin/sh', ['-c', WATCHER, 'watcher', String(hook.pid)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    let said = '';
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
    const stop = () => end('was ended, because the worker stops');
    const timer = setTimeout(() => end(`took longer than ${limitMs / 1000} s`), limitMs);
    signal?.addEventListener('abort', stop);

    hook.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < MAX_SAID_LENGTH) {
        said = (said + text).slice(0, MAX_SAID_LENGTH);
        return;
      }
      // One that never stops talking must not keep the worker busy.
      hook.stderr.pause();
      setTimeout(() => hook.stderr.resume(), DEAF_MS);
    });
    // Who has ended reads no more, and a command that does not read what it is told is no fault.
    for (const pipe of [hook.stdin, watcher.stdin]) pipe.on('error', () => undefined);
    watcher.once('spawn', () => hook.stdin.end(`begin\n${input}`));
    watcher.once('error', (error) => end(`cannot be watched: ${error.message}`));
    hook.once('error', (error) => settle(`cannot be run: ${error.message}`));
    // What it has left in the background may hold its output open for as long as it likes.
    hook.once('exit', (code, signalName) =>
      settle(code === 0 ? undefined : `ended with ${signalName ?? `exit ${code}`}: ${said.trim()}`),
    );
  });
}

/** Tells why it could not be ended: one that has become another user's (sudo) is not ours to end. */
function endGroup(pid: number | undefined): string {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    return '';
  } catch (error) {
    return `, and could not be ended: ${reasonOf(error)}`;
  }
}
