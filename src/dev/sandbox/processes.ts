import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sendSignal, startTicks } from '../processes.ts';
import { waitUntil } from './ready.ts';

/** The word in a first process's arguments that stands before the host's folder. */
export const MARKER = 'chandler-sandbox';

/** A process and when it started (clock ticks since boot): together they name it once and for all. */
export interface Process {
  readonly pid: number;
  readonly startTime: string;
}

/** A process with the namespaces it is in, and the folder of the host whose first process it is. */
export interface SeenProcess extends Process {
  readonly pidNamespace: string;
  readonly mountNamespace: string;
  readonly hostFolder: string | undefined;
}

/** Reads when a process started; undefined when there is none of that number or only its remains (a zombie). */
export function startTime(pid: number): string | undefined {
  return startTicks(attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '');
}

/** Tells whether that very process still runs. */
export function isAlive(process: Process): boolean {
  return startTime(process.pid) === process.startTime;
}

/** Every process of this machine that we may look into. */
export function seeProcesses(): SeenProcess[] {
  const pids = (attempt(() => readdirSync('/proc')) ?? []).map(Number).filter(Number.isInteger);
  // A process that ends while we look is not there.
  return pids.map((pid) => attempt(() => see(pid))).filter((process) => process !== undefined);
}

/**
 * Kills the first processes of hosts and whatever shares a process or mount namespace with one; returns when none is left.
 *
 * The kernel ends the whole process namespace before its first process is gone, so nothing can be born meanwhile. Looking
 * again by namespace would be wrong: a new host may have been given the number of one that has just ended.
 *
 * @throws Error naming the processes that stay.
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

/**
 * Kills processes until none of them is left.
 *
 * @throws Error naming those that stay.
 */
export async function killAll(processes: readonly Process[], withinMs = 10_000): Promise<void> {
  let left = processes;
  const noneLeft = (): boolean => {
    left = left.filter((process) => isAlive(process));
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    return left.length === 0;
  };
  if (!(await waitUntil(noneLeft, { withinMs, everyMs: 5 })))
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
