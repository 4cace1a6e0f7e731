import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { availableParallelism, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { run } from '../src/dev/sandbox/run-program.ts';
import { readManifest } from '../src/config/version.ts';
import { isExecutable } from '../src/dev/temporal/check-program.ts';
import { temporalCliRelease } from '../src/dev/temporal/temporal-releases.ts';

/** What the figures depend on, without names of hosts or people. */
export async function describeMachine(): Promise<string[]> {
  const cpu = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch;
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const ssh = await run(['ssh', '-V']);
  const tmux = await run(['tmux', '-V']);
  return [
    `Machine: ${availableParallelism()} cores (${cpu}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory; hosts, server, worker and client share it`,
    `System: ${system}, ${type()} ${release()}`,
    `Versions: Chandler ${readManifest().version}, Node.js ${process.versions.node}, Temporal CLI ${temporalCliRelease.version}, ${ssh.stderr.split(',')[0] ?? ''}, ${tmux.stdout.trim()}`,
  ];
}

/** CPU time of all processes since boot, from the text of /proc/stat. */
export function parseBusyMs(stat: string, ticksPerS = 100): number {
  const [user = NaN, nice = NaN, system = NaN, , , irq = 0, softirq = 0] = (
    /^cpu +(.*)$/m.exec(stat)?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  return ((user + nice + system + irq + softirq) * 1000) / ticksPerS;
}

/** Returns what part of the machine other processes have used since the call, if `ownMs` counts those of the bench. */
export function watchOthers(ownMs: () => number): () => string {
  const othersMs = () => parseBusyMs(readFileSync('/proc/stat', 'utf8')) - ownMs();
  const [before, begin] = [othersMs(), performance.now()];
  return () => {
    const part = (othersMs() - before) / (performance.now() - begin) / availableParallelism();
    return `Everything else on the machine used ${Math.max(0, Math.round(part * 100))} % of its CPU meanwhile`;
  };
}

/** Real zmx if the directory has a program of that name, else the shim over tmux. */
export async function chooseZmx(
  dir: string | undefined,
): Promise<{ readonly text: string; readonly env: Record<string, string> }> {
  for (const file of dir === undefined ? [] : await readdir(dir)) {
    const path = join(dir ?? '', file);
    if (!file.startsWith('zmx') || !(await isExecutable(path))) continue;
    const env = { CHANDLER_ZMX_SOURCE: 'file', CHANDLER_ZMX_DIR: dir ?? '', CHANDLER_ZMX_FILE: file };
    return { text: `the binary ${file}`, env };
  }
  return { text: 'the shim over tmux', env: { CHANDLER_ZMX_SOURCE: 'tmux' } };
}
