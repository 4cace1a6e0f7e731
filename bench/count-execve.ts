import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { run, runOrThrow } from '../src/dev/sandbox/run-program.ts';
import type { Cgroup } from './cgroup.ts';

export interface ProcessCounts {
  readonly execve: number;
  readonly forks: number;
  /** How often each program was run, by the name of its file. */
  readonly programs: ReadonlyMap<string, number>;
}

const EVENTS = ['sched:sched_process_exec', 'sched:sched_process_fork'];

/** Why processes cannot be counted here; undefined if they can. */
export async function whyNoCounts(): Promise<string | undefined> {
  const { code, stderr } = await run(['perf', 'stat', '-a', '-e', EVENTS.join(','), 'true']);
  return code === 0 ? undefined : `perf cannot count processes here: ${stderr.trim().split('\n')[0] ?? ''}`;
}

/** Counts the execve and fork calls in a group, as perf records the kernel's events. Call the returned function to end it. */
export async function countProcesses(cgroup: Cgroup, file: string): Promise<() => Promise<ProcessCounts>> {
  const groups = EVENTS.map(() => cgroup.name).join(',');
  const record = ['record', '-q', '-a', '-o', file, '-e', EVENTS.join(','), '-G', groups];
  // perf starts its command once it records, and ends with it.
  const perf = spawn('perf', [...record, '--', 'sh', '-c', 'echo ready; read -r _ || :'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(perf, 'exit');
  const first = await createInterface({ input: perf.stdout })[Symbol.asyncIterator]().next();
  if (first.value !== 'ready') throw new Error('perf did not start to record');
  return async () => {
    perf.stdin.end();
    await ended;
    // It warns about kinds of events without such fields.
    return parseEvents(await runOrThrow(['perf', 'script', '-i', file, '-F', 'event,trace']));
  };
}

/** Reads the output of `perf script -F event,trace`. */
export function parseEvents(text: string): ProcessCounts {
  const programs = new Map<string, number>();
  let forks = 0;
  for (const line of text.split('\n')) {
    if (line.includes('sched_process_fork:')) forks += 1;
    const file = /sched_process_exec: filename=(\S+)/.exec(line)?.[1];
    if (file !== undefined) programs.set(basename(file), (programs.get(basename(file)) ?? 0) + 1);
  }
  return { execve: [...programs.values()].reduce((sum, count) => sum + count, 0), forks, programs };
}
