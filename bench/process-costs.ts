import { readFile } from 'node:fs/promises';

/** The CPU time that each process has used. In milliseconds. */
export async function cpuOf<K extends string>(pids: Readonly<Record<K, number>>): Promise<Record<K, number>> {
  const entries = Object.entries<number>(pids).map(async ([name, pid]) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return [name, ((user ?? NaN) + (system ?? NaN)) * 10] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<K, number>;
}

/** The memory that a process holds now. In MB; NaN once it is gone. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
