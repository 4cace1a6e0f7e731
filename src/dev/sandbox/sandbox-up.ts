import { chmod, copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureImage, startContainer } from './docker.ts';
import { takeDown } from './sandbox-down.ts';
import { chooseBackend, machineFacts } from './choose-backend.ts';
import { fingerprint, knownHostsLine, makeKey } from './host-keys.ts';
import { startNamespace } from './namespace.ts';
import { ensurePackages, NEEDED_PACKAGES, packageEffects } from './packages.ts';
import { reservePorts } from './reserve-ports.ts';
import { answers } from '../answers.ts';
import { waitUntil } from '../wait-until.ts';
import { sshdConfig } from './sshd-config.ts';
import { claimName, writeHost } from './state.ts';
import type { SandboxBackend, SandboxHost } from './sandbox-host.ts';

const DEFAULT_DISK_MIB = 2048;
const SSH_GREETING = 'SSH-2.0';
const GREETING = { withinMs: 15_000, everyMs: 20 };
const LOOPBACK = '127.0.0.1';
const INSIDE_PROGRAMS = ['init.sh', 'sshd.sh', 'enter.sh', 'confined.sh', 'no-keys.pl'];

export interface UpOptions {
  /** The directory with one folder for each host. */
  readonly dir: string;
  readonly count: number;
  readonly announce: (line: string) => void;
  /** Debian packages beyond sshd and tmux. */
  readonly systemPackages?: readonly string[] | undefined;
  readonly diskMiB?: number | undefined;
}

interface Slot {
  readonly backend: SandboxBackend;
  /** With 0 Docker chooses one. */
  readonly port: number;
  readonly image: string;
  readonly diskMiB: number | undefined;
}

/** Adds hosts: all of them, or none if one does not start. @throws Error why the first one failed */
export async function sandboxUp(options: UpOptions): Promise<SandboxHost[]> {
  const backend = chooseBackend(await machineFacts());
  const packages = options.systemPackages ?? [];
  const image = backend === 'docker' ? await ensureImage(packages, options.announce) : '';
  const needed = backend === 'docker' ? ['openssh-client'] : [...NEEDED_PACKAGES, ...packages];
  await ensurePackages(needed, packageEffects(options.announce));
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const dir = await realpath(options.dir);
  const { count, diskMiB } = options;
  const reserved = backend === 'docker' ? undefined : await reservePorts(count);
  const ports = reserved?.ports ?? Array.from({ length: count }, () => 0);
  try {
    const slots = ports.map((port) => ({ backend, image, port, diskMiB }));
    return await makeHosts(dir, slots);
  } finally {
    reserved?.release();
  }
}

async function makeHosts(dir: string, slots: readonly Slot[]): Promise<SandboxHost[]> {
  const names: string[] = [];
  for (const _ of slots) names.push(await claimName(dir));
  const results = await Promise.allSettled(slots.map((slot, i) => makeHost(dir, names[i] ?? '', slot)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return results.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  await takeDown(dir, names);
  throw failed.reason;
}

async function makeHost(dir: string, name: string, slot: Slot): Promise<SandboxHost> {
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
    backend: slot.backend,
  };
  await writeHost(folder, host);
  const start = slot.backend === 'docker' ? startDockerHost : startNamespaceHost;
  const started = await start(folder, host, slot);
  await writeFile(host.knownHosts, knownHostsLine(LOOPBACK, started.port, hostKey));
  return started;
}

async function startDockerHost(
  folder: string,
  host: SandboxHost,
  { image, diskMiB }: Slot,
): Promise<SandboxHost> {
  await writeFile(join(folder, 'etc', 'sshd_config'), sshdConfig('0.0.0.0', 22));
  const started = { ...host, ...(await startContainer({ folder, name: host.name, image, diskMiB })) };
  await writeHost(folder, started);
  if (!(await waitUntil(() => answers(started.port, SSH_GREETING), GREETING)))
    throw new Error(`${host.name} did not start: see \`docker logs ${started.container}\``);
  return started;
}

async function startNamespaceHost(
  folder: string,
  host: SandboxHost,
  { diskMiB }: Slot,
): Promise<SandboxHost> {
  await writeFile(join(folder, 'etc', 'sshd_config'), sshdConfig(LOOPBACK, host.port));
  let started = host;
  await startNamespace({
    folder,
    name: host.name,
    diskMiB: diskMiB ?? DEFAULT_DISK_MIB,
    note: async (first) => {
      started = { ...host, ...first, root: `/proc/${first.pid}/root` };
      await writeHost(folder, started);
    },
  });
  if (!(await waitUntil(() => answers(host.port, SSH_GREETING), GREETING)))
    throw new Error(`${host.name} does not greet on port ${host.port}`);
  return started;
}
