import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOrThrow } from './run.ts';
import type { SandboxHost } from './types.ts';

const LABEL = 'chandler.sandbox';
const DOCKERFILE = new URL('./Dockerfile', import.meta.url);

/** What a container host is made of. */
export interface ContainerOptions {
  readonly folder: string;
  readonly name: string;
  readonly image: string;
  readonly diskMiB?: number | undefined;
}

/** The image's name: it changes with what the image is made of. */
export function imageName(dockerfile: string, extraPackages: readonly string[]): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([dockerfile, extraPackages]))
    .digest('hex');
  return `chandler-sandbox:${digest.slice(0, 12)}`;
}

/** Builds the image from a Dockerfile on stdin: it needs no files beside it. */
export function buildArgv(image: string, extraPackages: readonly string[]): string[] {
  const packages = `EXTRA_PACKAGES=${extraPackages.join(' ')}`;
  return ['docker', 'build', '--quiet', '--tag', image, '--build-arg', packages, '-'];
}

/** Makes the container; the engine picks its port on loopback. */
export function createArgv(options: ContainerOptions): string[] {
  // Few storage drivers can limit a container's disk; the engine says so when its own can't.
  const limit = options.diskMiB === undefined ? [] : ['--storage-opt', `size=${options.diskMiB}M`];
  const label = `${LABEL}=${options.folder}`;
  const flags = ['--hostname', options.name, '--label', label, '--publish', '127.0.0.1::22', ...limit];
  return ['docker', 'create', ...flags, options.image];
}

/** Lists the containers of a host by its folder, whatever became of our notes. */
export function findArgv(folder: string): string[] {
  return ['docker', 'ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${LABEL}=${folder}`];
}

/** The command line that runs a command inside a host, with a clean environment. */
export function dockerExecArgv(container: string, argv: readonly string[]): string[] {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return ['docker', 'exec', '--interactive', container, 'env', '-i', path, 'HOME=/root', ...argv];
}

/** Reads the port from what `docker port` prints: `127.0.0.1:49153`, one line for each address. */
export function parsePort(printed: string): number {
  const port = /^127\.0\.0\.1:(\d+)$/m.exec(printed)?.[1];
  if (port === undefined) throw new Error(`docker port printed no loopback port: ${printed.trim()}`);
  return Number(port);
}

/** Builds the image unless the engine has it. */
export async function ensureImage(
  extraPackages: readonly string[],
  announce: (line: string) => void,
): Promise<string> {
  const dockerfile = await readFile(DOCKERFILE, 'utf8');
  const image = imageName(dockerfile, extraPackages);
  const present = await run(['docker', 'image', 'inspect', '--format', '{{.Id}}', image]);
  if (present.code === 0) return image;
  announce(`building ${image} with docker`);
  await runOrThrow(buildArgv(image, extraPackages), { stdin: dockerfile });
  return image;
}

/** Makes and starts a container with the keys and programs of `<folder>/etc`. */
export async function startContainer(
  options: ContainerOptions,
): Promise<{ container: string; port: number }> {
  const container = (await runOrThrow(createArgv(options))).trim();
  await runOrThrow(['docker', 'cp', `${join(options.folder, 'etc')}/.`, `${container}:/etc/sandbox`]);
  await runOrThrow(['docker', 'start', container]);
  return { container, port: parsePort(await runOrThrow(['docker', 'port', container, '22/tcp'])) };
}

/** Tells whether the host's container runs. */
export async function containerRuns(host: SandboxHost): Promise<boolean> {
  const state = await run(['docker', 'inspect', '--format', '{{.State.Running}}', host.container ?? '']);
  return state.stdout.trim() === 'true';
}

/**
 * Removes the containers of a host.
 *
 * @throws Error when the engine doesn't answer: they may still be there.
 */
export async function removeContainers(folder: string): Promise<void> {
  const containers = (await runOrThrow(findArgv(folder))).split('\n').filter(Boolean);
  if (containers.length > 0) await runOrThrow(['docker', 'rm', '--force', '--volumes', ...containers]);
}
