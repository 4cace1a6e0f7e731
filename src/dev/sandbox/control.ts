import { dockerExecArgv } from './docker.ts';
import { namespaceRuns, nsenterArgv } from './namespace.ts';
import { run } from './run.ts';
import type { Output, SandboxHost } from './types.ts';

/**
 * Runs a command inside a host as root, not through SSH: it works when sshd, network or disk are broken.
 *
 * @throws Error when the host doesn't run.
 */
export async function sandboxExec(
  host: SandboxHost,
  argv: readonly string[],
  options: { readonly stdin?: string; readonly timeoutMs?: number } = {},
): Promise<Output> {
  // The limit is kept inside: from here only the way in could be killed, not the command.
  const limit =
    options.timeoutMs === undefined ? [] : ['timeout', '--signal=KILL', String(options.timeoutMs / 1000)];
  return run(insideArgv(host, [...limit, ...argv]), { stdin: options.stdin });
}

/**
 * Controls a host's sshd: `stop` ends the listener while connections live on, `start` brings it back, `drop` cuts every
 * connection. With `dropConnections`, `stop` cuts them too. Programs that connections started may live on, as on any host.
 *
 * @throws Error when sshd doesn't do so within thirty seconds.
 */
export async function sandboxSshd(
  host: SandboxHost,
  action: 'stop' | 'start' | 'drop',
  options: { readonly dropConnections?: boolean } = {},
): Promise<void> {
  await inside(host, ['/bin/sh', '/etc/sandbox/sshd.sh', action]);
  if (options.dropConnections === true) await inside(host, ['/bin/sh', '/etc/sandbox/sshd.sh', 'drop']);
}

/**
 * Simulates the crash and reboot of a host: every process dies at once, /run and /tmp are emptied, the boot id is a new
 * one, the disk stays and sshd comes back on the same port.
 *
 * @throws Error for a container: its boot id is the machine's.
 */
export async function sandboxReboot(host: SandboxHost): Promise<void> {
  if (host.engine === 'docker')
    throw new Error(`${host.name} is a container: only namespace hosts can be rebooted`);
  await inside(host, ['/bin/sh', '/etc/sandbox/reboot.sh']);
}

function insideArgv(host: SandboxHost, argv: readonly string[]): string[] {
  if (host.engine === 'docker') return dockerExecArgv(host.container ?? '', argv);
  // A process id alone could be somebody else's by now.
  if (!namespaceRuns(host)) throw new Error(`${host.name} doesn't run`);
  return nsenterArgv(host, argv);
}

async function inside(host: SandboxHost, argv: readonly string[]): Promise<void> {
  const output = await sandboxExec(host, argv);
  if (output.code !== 0)
    throw new Error(
      `${argv.join(' ')} failed in ${host.name} (${output.signal ?? output.code}): ${output.stderr.trim()}`,
    );
}
