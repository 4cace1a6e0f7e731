// Control groups (cgroup v2) of the bench: the CPU time of a group of processes, also of ended ones, and an end for all of them.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seeProcesses } from '../src/dev/sandbox/sandbox-processes.ts';
import { poll } from '../test/support/poll.ts';

export interface Cgroup {
  /** The name below the mount, as perf wants it. */
  readonly name: string;
  readonly add: (pid: number) => void;
  /** Adds every process of the PID namespace of this process. */
  readonly addNamespaceOf: (pid: number) => void;
  readonly pids: () => readonly number[];
  /** User and system time since the group exists. */
  readonly cpuMs: () => number;
  /** A command that runs another one in this group. */
  readonly wrap: (argv: readonly string[]) => readonly string[];
  /** Kills all processes. */
  readonly end: () => Promise<void>;
  /** Kills all processes and removes the group. */
  readonly remove: () => Promise<void>;
}

/** Makes groups below one of this process. @throws Error where this machine has no usable cgroup v2 */
export function makeCgroup(label: string): Cgroup {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const mount = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  if (mount === undefined || process.getuid?.() !== 0)
    throw new Error('CPU time is read from control groups: run the bench as root on Linux with cgroup v2');
  const name = `chandler-bench-${process.pid}-${label}`;
  const dir = join(mount, name);
  mkdirSync(dir);
  const list = join(dir, 'cgroup.procs');
  const pids = () => readFileSync(list, 'utf8').split('\n').filter(Boolean).map(Number);
  const add = (pid: number) => writeFileSync(list, String(pid));
  const end = async () => {
    writeFileSync(join(dir, 'cgroup.kill'), '1');
    await poll(() => pids().length === 0, `the processes of ${name} end`);
  };
  return {
    name,
    add,
    pids,
    addNamespaceOf(pid) {
      const seen = seeProcesses();
      const namespace = seen.find((process) => process.pid === pid)?.pidNamespace;
      if (namespace === undefined) throw new Error(`no process ${pid}`);
      for (const process of seen) if (process.pidNamespace === namespace) add(process.pid);
    },
    cpuMs: () => parseCpuMs(readFileSync(join(dir, 'cpu.stat'), 'utf8')),
    wrap: (argv) => ['/bin/sh', '-c', 'echo $$ >"$1" && shift && exec "$@"', 'wrap', list, ...argv],
    end,
    async remove() {
      if (!existsSync(dir)) return;
      await end();
      // A group is busy until its last process is not only dead but reaped.
      await poll(() => isRemoved(dir), `the processes of ${name} end`);
    },
  };
}

function isRemoved(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

/** @throws Error if the text is not that of a cpu.stat file */
export function parseCpuMs(text: string): number {
  const usage = /^usage_usec (\d+)$/m.exec(text)?.[1];
  if (usage === undefined) throw new Error(`no usage_usec in cpu.stat: ${text}`);
  return Number(usage) / 1000;
}
