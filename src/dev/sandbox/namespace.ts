import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { isAlive, MARKER, startTime } from './processes.ts';
import type { Process } from './processes.ts';
import type { SandboxHost } from './types.ts';

const LOG = 'host.log';
const PROGRAM = fileURLToPath(new URL('./namespace.sh', import.meta.url));
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const READY_WITHIN_MS = 60_000;

/** What a namespace host is started with. */
export interface NamespaceOptions {
  readonly folder: string;
  readonly name: string;
  readonly diskMiB: number;
  /** Called once the process is known and before it does anything: what it notes survives our own end. */
  readonly note: (first: Process) => Promise<void>;
}

/** The command line that makes a namespace host. */
export function unshareArgv(options: Omit<NamespaceOptions, 'note'>): string[] {
  const flags = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child'];
  const { folder, name, diskMiB } = options;
  return ['unshare', ...flags, '/bin/sh', PROGRAM, MARKER, folder, name, String(diskMiB)];
}

/**
 * Starts a host and waits until its sshd listens. Its first process waits for our word: dead before that, we leave nothing.
 *
 * @throws Error with the end of the host's log when it could not start in time.
 */
export async function startNamespace(options: NamespaceOptions): Promise<void> {
  const log = await open(join(options.folder, LOG), 'a', 0o600);
  const [file = '', ...args] = unshareArgv(options);
  // Detached (a session of its own) and with no pipe that it needs later: it outlives us.
  const child = spawn(file, args, {
    detached: true,
    cwd: '/',
    env: { PATH },
    stdio: ['pipe', log.fd, log.fd, 'pipe'],
  });
  await log.close();
  const told = createInterface({ input: child.stdio[3] as Readable });
  const timer = setTimeout(() => told.close(), READY_WITHIN_MS);
  child.on('error', () => told.close());
  child.stdin?.on('error', () => undefined);
  try {
    await converse(options, told, child);
  } finally {
    clearTimeout(timer);
    told.close();
    child.stdio[3]?.destroy();
    child.stdin?.destroy();
    child.unref();
  }
}

async function converse(options: NamespaceOptions, told: Interface, child: ChildProcess): Promise<void> {
  const lines = told[Symbol.asyncIterator]();
  const pid = Number((await lines.next()).value);
  const started = pid > 0 ? startTime(pid) : undefined;
  if (started === undefined) throw await startError(options);
  await options.note({ pid, startTime: started });
  child.stdin?.write('go\n');
  // The end of the stream is the end of the host.
  if ((await lines.next()).value !== 'ready') throw await startError(options);
}

/** The command line that runs a command inside a host, with a clean environment. */
export function nsenterArgv(host: SandboxHost, argv: readonly string[]): string[] {
  // Entering the mount namespace lands in its root: the machine's own was taken out of it.
  const flags = ['--target', String(host.pid), '--mount', '--uts', '--ipc', '--pid'];
  return ['nsenter', ...flags, '--', 'env', '-i', `PATH=${PATH}`, 'HOME=/root', ...argv];
}

/** Tells whether the host's first process runs. */
export function namespaceRuns(host: SandboxHost): boolean {
  const { pid, startTime } = host;
  return pid !== undefined && startTime !== undefined && isAlive({ pid, startTime });
}

async function startError({ folder, name }: NamespaceOptions): Promise<Error> {
  const log = await readFile(join(folder, LOG), 'utf8').catch(() => '');
  const reason = log.trim().split('\n').slice(-5).join(' | ') || 'its log is empty';
  const advice = /not permitted|permission denied/i.test(log)
    ? ' (root may not make namespaces here: start this container with --privileged, or a Docker engine)'
    : '';
  return new Error(`${name} did not start: ${reason}${advice}`);
}
