import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxDown, sandboxUp } from '../../src/dev/sandbox/index.ts';
import { sandboxExec } from './sandbox-control.ts';
import type { Output, SandboxHost, UpOptions } from '../../src/dev/sandbox/index.ts';
import { run } from '../../src/dev/sandbox/run-program.ts';

/** What a test may choose for its hosts. */
export type HostOptions = Pick<UpOptions, 'diskMiB' | 'systemPackages'>;

/** A host for one test file. `stop` removes it completely. */
export type TestHost = SandboxHost & { readonly stop: () => Promise<void> };

/** Starts a host in its own folder. */
export async function startHost(options: HostOptions = {}): Promise<TestHost> {
  const { hosts, stop } = await startHosts(1, options);
  const [host] = hosts;
  if (host === undefined) throw new Error('no host was started');
  return { ...host, stop };
}

/** Starts several hosts at once. `stop` ends all of them. */
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
    // Hosts share the files of this machine, which may have its own zmx.
    for (const host of hosts) await sandboxExec(host, ['rm', '-f', '/usr/local/bin/zmx', '/usr/bin/zmx']);
    return { hosts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs a command over this machine's ssh client, which checks the host key. */
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
