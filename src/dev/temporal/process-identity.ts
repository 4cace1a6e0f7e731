import { readFile } from 'node:fs/promises';
import { sendSignal, startTicks } from '../processes.ts';
import { waitUntil } from '../wait-until.ts';
import { ask } from './ask-program.ts';

/** A process, distinguished from a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot and start time, to compare. */
  readonly startMark: string;
}

/** Returns undefined if no such process is alive. A zombie is not. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const startMark = process.platform === 'linux' ? await linuxStartMark(pid) : await psStartMark(pid);
  return startMark === undefined ? undefined : { pid, startMark };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startMark === identity.startMark;
}

/** Returns false if the process is still alive after the time. */
export function waitGone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  return waitUntil(async () => !(await isAlive(identity)), { withinMs, everyMs: 20 });
}

/** Ends a process: TERM, after `graceMs` KILL. Returns when it is gone. @throws Error if it survives */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (graceMs > 0 && (await isAlive(identity))) {
    sendSignal(identity.pid, 'SIGTERM');
    if (await waitGone(identity, graceMs)) return;
  }
  if (await isAlive(identity)) sendSignal(identity.pid, 'SIGKILL');
  if (!(await waitGone(identity, 10_000)))
    throw new Error(`process ${identity.pid} is still alive after SIGKILL`);
}

async function linuxStartMark(pid: number): Promise<string | undefined> {
  try {
    const started = startTicks(await readFile(`/proc/${pid}/stat`, 'utf8'));
    if (started === undefined) return undefined;
    const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${bootId.trim()}/${started}`;
  } catch {
    return undefined;
  }
}

async function psStartMark(pid: number): Promise<string | undefined> {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const answer = await ask('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env, timeoutMs: 5000 });
  const [, state, start] = (answer.ok && /^\s*(\S+)\s+(.+?)\s*$/m.exec(answer.stdout)) || [];
  return state === undefined || state.startsWith('Z') ? undefined : start;
}
