import { readFileSync } from 'node:fs';
import { sandboxExec } from '../test/support/sandbox-control.ts';
import type { StageHost } from './stage.ts';

const program = readFileSync(new URL('./programs/launch-fault.sh', import.meta.url), 'utf8');

/** Kills a process of a running launch, if there is one. */
export async function launchFault(
  host: StageHost,
  what: 'daemon' | 'session' | 'pty' | 'shell' | 'supervisor' | 'tree',
  salt: number,
): Promise<true | undefined> {
  const { stdout } = await sandboxExec(host.sandbox, ['/bin/sh', '-s', what, String(salt)], {
    stdin: program,
    timeoutMs: 10_000,
  });
  return stdout.includes('killed') || undefined;
}
