import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sendSignal, startTicks } from '../processes.ts';
import { waitUntil } from '../wait-until.ts';

/** Precedes the host's folder in the arguments of its first process. */
export const MARKER = 'chandler-sandbox';

/** The start time (clock ticks since boot) distinguishes it from a later process with the same id. */
export interface Process {
  readonly pid: number;
  readonly startTime: string;
}

export interface SeenProcess extends Process {
  readonly pidNamespace: string;
  readonly mountNamespace: string;
  /** The folder of the host whose first process this is. */
  readonly hostFolder: string | undefined;
}

/** The start time; undefined for a zombie or if there is no process. */
export function startTime(pid: number): string | undefined {
  return startTicks(attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '');
}

export function isAlive(process: Process): boolean {
  return startTime(process.pid) === process.startTime;
}

/** Lists the processes that this one may read. */
export function seeProcesses(): SeenProcess[] {
  const pids = (attempt(() => readdirSync('/proc')) ?? []).map(Number).filter(Number.isInteger);
  return pids.map((pid) => attempt(() => see(pid))).filter((process) => process !== undefined);
}

/**
 * Kills the first processes of hosts and everything in their process and mount namespaces; returns when none is left. It scans once:
 * the kernel ends a process namespace before its first process is gone, and a new host may get the number of one that has ended.
 */
export async function endHosts(isFirst: (process: SeenProcess) => boolean): Promise<void> {
  const seen = seeProcesses();
  const first = seen.filter((process) => isFirst(process));
  if (first.length === 0) return;
  const own = see(process.pid);
  const pidNamespaces = new Set(first.map(({ pidNamespace }) => pidNamespace));
  const mountNamespaces = new Set(first.map(({ mountNamespace }) => mountNamespace));
  pidNamespaces.delete(own.pidNamespace);
  mountNamespaces.delete(own.mountNamespace);
  await killAll(first);
  await killAll(
    seen.filter((it) => pidNamespaces.has(it.pidNamespace) || mountNamespaces.has(it.mountNamespace)),
  );
}

async function killAll(processes: readonly Process[]): Promise<void> {
  let left = processes;
  const noneLeft = (): boolean => {
    left = left.filter((process) => isAlive(process));
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    return left.length === 0;
  };
  if (!(await waitUntil(noneLeft, { withinMs: 10_000, everyMs: 5 })))
    throw new Error(`processes that don't end: ${left.map(({ pid }) => pid).join(', ')}`);
}

function see(pid: number): SeenProcess {
  const started = startTime(pid);
  if (started === undefined) throw new Error(`no process ${pid}`);
  const [, program, marker, folder] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return {
    pid,
    startTime: started,
    pidNamespace: readlinkSync(`/proc/${pid}/ns/pid`),
    mountNamespace: readlinkSync(`/proc/${pid}/ns/mnt`),
    hostFolder: program?.endsWith('.sh') && marker === MARKER ? folder : undefined,
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
