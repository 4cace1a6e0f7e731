import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxDown, sandboxUp } from '../../src/dev/sandbox/index.ts';
import type { SandboxHost, UpOptions } from '../../src/dev/sandbox/index.ts';

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
  const announce = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    return { hosts: await sandboxUp({ ...options, dir, count, announce }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
