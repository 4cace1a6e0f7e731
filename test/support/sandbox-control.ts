import { readFile } from 'node:fs/promises';
import { namespaceRuns } from '../../src/dev/sandbox/namespace.ts';
import { run } from '../../src/dev/sandbox/run-program.ts';
import type { Output, SandboxHost } from '../../src/dev/sandbox/sandbox-host.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a command inside a host as its root, or as the machine's, without SSH. @throws Error if the host does not run */
export async function sandboxExec(
  host: SandboxHost,
  argv: readonly string[],
  options: { readonly stdin?: string; readonly timeoutMs?: number; readonly asMachine?: boolean } = {},
): Promise<Output> {
  const { stdin, timeoutMs, asMachine } = options;
  // The time limit applies inside the host, because from outside only nsenter or docker could be killed.
  const limit = timeoutMs === undefined ? [] : ['timeout', '--signal=KILL', String(timeoutMs / 1000)];
  const limited = [...limit, ...argv];
  if (host.backend === 'docker') return run(dockerExecArgv(host.container ?? '', limited), { stdin });
  if (!namespaceRuns(host)) throw new Error(`${host.name} doesn't run`);
  return run(nsenterArgv(host, limited, asMachine), { stdin });
}

/** Controls a host's sshd. `stop` ends the listener only, or connections too with `dropConnections`; `drop` cuts connections. */
export async function sandboxSshd(
  host: SandboxHost,
  action: 'stop' | 'start' | 'drop',
  options: { readonly dropConnections?: boolean } = {},
): Promise<void> {
  // A container is confined from its start.
  const confined =
    host.backend === 'namespace' && action === 'start' ? ['/bin/sh', '/etc/sandbox/confined.sh'] : [];
  await inside(host, [...confined, '/bin/sh', '/etc/sandbox/sshd.sh', action]);
  if (options.dropConnections === true) await inside(host, ['/bin/sh', '/etc/sandbox/sshd.sh', 'drop']);
}

/** Simulates the crash and reboot of a host. @throws Error for a container, whose boot id is the machine's */
export async function sandboxReboot(host: SandboxHost): Promise<void> {
  if (host.backend === 'docker')
    throw new Error(`${host.name} is a container: only namespace hosts can be rebooted`);
  const program = await readFile(new URL('./reboot.sh', import.meta.url), 'utf8');
  await inside(host, ['/bin/sh', '-s'], program);
}

async function inside(host: SandboxHost, argv: readonly string[], stdin = ''): Promise<void> {
  const { code, signal, stderr } = await sandboxExec(host, argv, { stdin });
  if (code !== 0)
    throw new Error(`${argv.join(' ')} failed in ${host.name} (${signal ?? code}): ${stderr.trim()}`);
}

export function dockerExecArgv(container: string, argv: readonly string[]): string[] {
  return ['docker', 'exec', '--interactive', container, 'env', '-i', PATH, 'HOME=/root', ...argv];
}

/** Runs a command inside a host with the rights of its own root, or with those of the machine's, which may mount. */
function nsenterArgv(host: SandboxHost, argv: readonly string[], asMachine = false): string[] {
  const flags = ['--target', String(host.pid), '--mount', '--uts', '--ipc', '--pid'];
  const user = asMachine ? [] : ['--user'];
  return ['nsenter', ...flags, ...user, '--', 'env', '-i', PATH, 'HOME=/root', ...argv];
}
