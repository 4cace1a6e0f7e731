import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { isAlive, MARKER, startTime, type Process } from './sandbox-processes.ts';
import type { SandboxHost } from './sandbox-host.ts';

const LOG = 'host.log';
const PROGRAM = fileURLToPath(new URL('./namespace.sh', import.meta.url));
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const READY_WITHIN_MS = 60_000;

export interface NamespaceOptions {
  readonly folder: string;
  readonly name: string;
  readonly diskMiB: number;
  /** Called before the process does anything, so that the record survives this process. */
  readonly note: (first: Process) => Promise<void>;
}

export function unshareArgv(options: Omit<NamespaceOptions, 'note'>): string[] {
  const flags = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child'];
  const { folder, name, diskMiB } = options;
  return ['unshare', ...flags, '/bin/sh', PROGRAM, MARKER, folder, name, String(diskMiB)];
}

/** Starts a host and waits until its sshd listens. @throws Error with the end of the host's log */
export async function startNamespace(options: NamespaceOptions): Promise<void> {
  const log = await open(join(options.folder, LOG), 'a', 0o600);
  const [file = '', ...args] = unshareArgv(options);
  // Outlives this process, so it is detached and gets no pipe.
  const child = spawn(file, args, {
    detached: true,
    cwd: '/',
    env: { PATH },
    stdio: ['pipe', log.fd, log.fd, 'pipe'],
  });
  await log.close();
  const reports = createInterface({ input: child.stdio[3] as Readable });
  const timer = setTimeout(() => reports.close(), READY_WITHIN_MS);
  child.on('error', () => reports.close());
  child.stdin?.on('error', () => undefined);
  try {
    await followStart(options, reports, child);
  } finally {
    clearTimeout(timer);
    reports.close();
    child.stdio[3]?.destroy();
    child.stdin?.destroy();
    child.unref();
  }
}

async function followStart(
  options: NamespaceOptions,
  reports: Interface,
  child: ChildProcess,
): Promise<void> {
  const lines = reports[Symbol.asyncIterator]();
  const pid = Number((await lines.next()).value);
  const started = pid > 0 ? startTime(pid) : undefined;
  if (started === undefined) throw await startError(options);
  await options.note({ pid, startTime: started });
  child.stdin?.write('go\n');
  if ((await lines.next()).value !== 'ready') throw await startError(options);
}

export function namespaceRuns(host: SandboxHost): boolean {
  const { pid, startTime } = host;
  return pid !== undefined && startTime !== undefined && isAlive({ pid, startTime });
}

async function startError({ folder, name }: NamespaceOptions): Promise<Error> {
  const log = await readFile(join(folder, LOG), 'utf8').catch(() => '');
  const reason = log.trim().split('\n').slice(-5).join(' | ') || 'its log is empty';
  return new Error(`${name} did not start: ${reason}${adviceFor(log)}`);
}

function adviceFor(log: string): string {
  if (/not permitted|permission denied/i.test(log))
    return ' (root may not make namespaces here: start this container with --privileged, or a Docker engine)';
  if (/unshare failed: No space left/.test(log))
    return ' (this machine allows no further user namespace: raise user.max_user_namespaces with sysctl)';
  return '';
}
