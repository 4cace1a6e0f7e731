import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOrThrow } from './run-program.ts';
import type { SandboxHost } from './sandbox-host.ts';

const LABEL = 'chandler.sandbox';
const DOCKERFILE = new URL('./Dockerfile', import.meta.url);

export interface ContainerOptions {
  readonly folder: string;
  readonly name: string;
  readonly image: string;
  readonly diskMiB?: number | undefined;
}

/** The name depends on the content of the image. */
export function imageName(dockerfile: string, extraPackages: readonly string[]): string {
  const content = JSON.stringify([dockerfile, extraPackages]);
  const digest = createHash('sha256').update(content).digest('hex');
  return `chandler-sandbox:${digest.slice(0, 12)}`;
}

/** The Dockerfile comes over stdin. */
export function buildArgv(image: string, extraPackages: readonly string[]): string[] {
  const packages = `EXTRA_PACKAGES=${extraPackages.join(' ')}`;
  return ['docker', 'build', '--quiet', '--tag', image, '--build-arg', packages, '-'];
}

export function createArgv(options: ContainerOptions): string[] {
  const limit = options.diskMiB === undefined ? [] : ['--storage-opt', `size=${options.diskMiB}M`];
  const label = `${LABEL}=${options.folder}`;
  const flags = ['--hostname', options.name, '--label', label, '--publish', '127.0.0.1::22', ...limit];
  return ['docker', 'create', ...flags, options.image];
}

/** Finds containers by label, because host.json may be lost. */
export function findArgv(folder: string): string[] {
  return ['docker', 'ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${LABEL}=${folder}`];
}

/** `docker port` prints one line for each address: `127.0.0.1:49153`. */
export function parsePort(printed: string): number {
  const port = /^127\.0\.0\.1:(\d+)$/m.exec(printed)?.[1];
  if (port === undefined) throw new Error(`docker port printed no loopback port: ${printed.trim()}`);
  return Number(port);
}

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

/** Starts a container with the keys and programs of `<folder>/etc`. */
export async function startContainer(
  options: ContainerOptions,
): Promise<{ container: string; port: number }> {
  const container = (await runOrThrow(createArgv(options))).trim();
  await runOrThrow(['docker', 'cp', `${join(options.folder, 'etc')}/.`, `${container}:/etc/sandbox`]);
  await runOrThrow(['docker', 'start', container]);
  return { container, port: parsePort(await runOrThrow(['docker', 'port', container, '22/tcp'])) };
}

export async function containerRuns(host: SandboxHost): Promise<boolean> {
  const state = await run(['docker', 'inspect', '--format', '{{.State.Running}}', host.container ?? '']);
  return state.stdout.trim() === 'true';
}

/** @throws Error if Docker does not answer */
export async function removeContainers(folder: string): Promise<void> {
  const containers = (await runOrThrow(findArgv(folder))).split('\n').filter(Boolean);
  if (containers.length > 0) await runOrThrow(['docker', 'rm', '--force', '--volumes', ...containers]);
}
