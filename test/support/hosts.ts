import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxDown, sandboxExec, sandboxUp } from '../../src/dev/sandbox/index.ts';
import type { Output, SandboxHost, UpOptions } from '../../src/dev/sandbox/index.ts';
import { run } from '../../src/dev/sandbox/run.ts';

/** What a test may ask of its hosts. */
export type HostOptions = Pick<UpOptions, 'diskMiB' | 'systemPackages'>;

/** A host for one test file; `stop` leaves nothing of it. */
export type TestHost = SandboxHost & { readonly stop: () => Promise<void> };

/** Starts a host in a folder of its own. */
export async function startHost(options: HostOptions = {}): Promise<TestHost> {
  const { hosts, stop } = await startHosts(1, options);
  const [host] = hosts;
  if (host === undefined) throw new Error('no host was started');
  return { ...host, stop };
}

/** Starts several hosts at once; `stop` ends all of them. */
export async function startHosts(
  count: number,
  options: HostOptions = {},
): Promise<{ readonly hosts: readonly SandboxHost[]; readonly stop: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-hosts-'));
  const stop = async (): Promise<void> => {
    await sandboxDown({ dir });
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const hosts = await sandboxUp({ ...options, dir, count, announce });
    // The hosts are laid over this machine, which may have a zmx of its own.
    for (const host of hosts) await sandboxExec(host, ['rm', '-f', '/usr/local/bin/zmx', '/usr/bin/zmx']);
    return { hosts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Logs in with the machine's own ssh client, the host's key checked, and runs a command. */
export function sshTo(host: SandboxHost, command: string, user = 'root'): Promise<Output> {
  const options = [
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${host.knownHosts}"`,
    'BatchMode=yes',
    'IdentitiesOnly=yes',
  ];
  const login = ['-i', host.identity, '-p', String(host.port), `${user}@${host.host}`, command];
  const argv = ['ssh', '-F', 'none', ...options.flatMap((option) => ['-o', option]), ...login];
  return run(argv, { timeoutMs: 10_000 });
}

function announce(line: string): void {
  process.stderr.write(`${line}\n`);
}
