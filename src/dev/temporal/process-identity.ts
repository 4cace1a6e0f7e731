import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { sendSignal, startTicks } from '../processes.ts';
import { ask } from './answer.ts';

/** A process, told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot and start time, as the system tells them; compared, never read. */
  readonly startMark: string;
}

const POLL_MS = 20;

/** Tells the identity of a live process; undefined when there is none (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const startMark = process.platform === 'linux' ? await linuxStartMark(pid) : await psStartMark(pid);
  return startMark === undefined ? undefined : { pid, startMark };
}

/** Whether exactly this process still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startMark === identity.startMark;
}

/** Waits until the process is gone; false when it still lives after the bound. */
export async function waitGone(identity: ProcessIdentity, boundMs: number): Promise<boolean> {
  const until = performance.now() + boundMs;
  while (await isAlive(identity)) {
    if (performance.now() >= until) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Ends a process: TERM, after `graceMs` KILL; returns when it is gone, throws when even KILL did not end it. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  if (graceMs > 0 && (await isAlive(identity))) {
    sendSignal(identity.pid, 'SIGTERM');
    if (await waitGone(identity, graceMs)) return;
  }
  if (await isAlive(identity)) sendSignal(identity.pid, 'SIGKILL');
  if (!(await waitGone(identity, 10_000))) throw new Error(`process ${identity.pid} lives on after SIGKILL`);
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
