import { chmod, copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureImage, startContainer } from './docker.ts';
import { takeDown } from './down.ts';
import { chooseEngine, machineFacts } from './engine.ts';
import { fingerprint, knownHostsLine, makeKey } from './keys.ts';
import { startNamespace } from './namespace.ts';
import { ensurePackages, NEEDED_PACKAGES, packageEffects } from './packages.ts';
import { reservePorts } from './ports.ts';
import { greets, waitUntil } from './ready.ts';
import { sshdConfig } from './sshd-config.ts';
import { claimName, writeHost } from './state.ts';
import type { Engine, SandboxHost } from './types.ts';

const DEFAULT_DISK_MIB = 2048;
const GREETING = { withinMs: 15_000, everyMs: 20 };
const LOOPBACK = '127.0.0.1';
const INSIDE_PROGRAMS = ['init.sh', 'sshd.sh', 'reboot.sh'];

/** What `sandboxUp` makes. */
export interface UpOptions {
  /** Where the hosts are kept, one folder each. */
  readonly dir: string;
  readonly count: number;
  /** Prints a line of progress. */
  readonly announce: (line: string) => void;
  /** Debian packages that the hosts need beyond sshd and tmux. */
  readonly systemPackages?: readonly string[] | undefined;
  /** The size of each host's disk in MiB. */
  readonly diskMiB?: number | undefined;
}

// What is decided about a host before it is made; a container's port is the engine's choice.
interface Slot {
  readonly engine: Engine;
  readonly port: number;
  readonly image: string;
}

/**
 * Adds hosts. Either all of them answer in the end, or none is left.
 *
 * @throws Error when this machine can't have such hosts, or the first reason why one did not start.
 */
export async function sandboxUp(options: UpOptions): Promise<SandboxHost[]> {
  const engine = chooseEngine(await machineFacts());
  const packages = options.systemPackages ?? [];
  const image = engine === 'docker' ? await ensureImage(packages, options.announce) : '';
  await ensurePackages(
    engine === 'docker' ? ['openssh-client'] : [...NEEDED_PACKAGES, ...packages],
    packageEffects(options.announce),
  );
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  const reserved = engine === 'docker' ? undefined : await reservePorts(options.count, Math.random);
  try {
    const slots = Array.from({ length: options.count }, (_, i) => ({
      engine,
      image,
      port: reserved?.ports[i] ?? 0,
    }));
    return await makeHosts(dir, slots, options.diskMiB);
  } finally {
    reserved?.release();
  }
}

async function makeHosts(dir: string, slots: readonly Slot[], diskMiB?: number): Promise<SandboxHost[]> {
  const names: string[] = [];
  for (const _ of slots) names.push(await claimName(dir));
  const results = await Promise.allSettled(
    slots.map((slot, i) => makeHost(dir, names[i] ?? '', slot, diskMiB)),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return results.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  await takeDown(dir, names);
  throw failed.reason;
}

async function makeHost(dir: string, name: string, slot: Slot, diskMiB?: number): Promise<SandboxHost> {
  const folder = join(dir, name);
  const inside = join(folder, 'etc');
  await Promise.all([mkdir(inside), mkdir(join(folder, 'mnt'))]);
  const identity = join(folder, 'identity');
  const [hostKey, clientKey] = await Promise.all([
    makeKey(join(inside, 'host_key'), name),
    makeKey(identity, `sandbox ${name}`),
    ...INSIDE_PROGRAMS.map((file) => copyFile(new URL(`./${file}`, import.meta.url), join(inside, file))),
  ]);
  await writeFile(join(inside, 'authorized_keys'), `${clientKey}\n`);
  await chmod(inside, 0o700);
  const host: SandboxHost = {
    name,
    host: LOOPBACK,
    port: slot.port,
    user: 'root',
    identity,
    knownHosts: join(folder, 'known_hosts'),
    hostKey: fingerprint(hostKey),
    engine: slot.engine,
  };
  await writeHost(folder, host);
  const started =
    slot.engine === 'docker'
      ? await startDockerHost(folder, host, slot.image, diskMiB)
      : await startNamespaceHost(folder, host, diskMiB ?? DEFAULT_DISK_MIB);
  await writeFile(host.knownHosts, knownHostsLine(LOOPBACK, started.port, hostKey));
  return started;
}

async function startDockerHost(
  folder: string,
  host: SandboxHost,
  image: string,
  diskMiB: number | undefined,
): Promise<SandboxHost> {
  await writeFile(join(folder, 'etc', 'sshd_config'), sshdConfig('0.0.0.0', 22));
  const started = { ...host, ...(await startContainer({ folder, name: host.name, image, diskMiB })) };
  await writeHost(folder, started);
  if (!(await waitUntil(() => greets(started.port), GREETING)))
    throw new Error(`${host.name} did not start: see \`docker logs ${started.container}\``);
  return started;
}

async function startNamespaceHost(folder: string, host: SandboxHost, diskMiB: number): Promise<SandboxHost> {
  await writeFile(join(folder, 'etc', 'sshd_config'), sshdConfig(LOOPBACK, host.port));
  let started = host;
  await startNamespace({
    folder,
    name: host.name,
    diskMiB,
    note: async (first) => {
      started = { ...host, ...first, root: `/proc/${first.pid}/root` };
      await writeHost(folder, started);
    },
  });
  if (!(await waitUntil(() => greets(host.port), GREETING)))
    throw new Error(`${host.name} does not greet on port ${host.port}`);
  return started;
}
