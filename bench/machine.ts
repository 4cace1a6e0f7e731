import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem, type } from 'node:os';
import { run } from '../src/dev/sandbox/run-program.ts';
import { readManifest } from '../src/config/version.ts';
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
