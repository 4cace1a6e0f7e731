import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxHost } from './sandbox-host.ts';

const HOST_NAME = /^sandbox-([1-9]\d*)$/;

/** The names of the hosts that have a folder, however incomplete, in their numeric order. */
export async function hostNames(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && HOST_NAME.test(entry.name))
    .map(({ name }) => name)
    .sort((a, b) => numberOf(a) - numberOf(b));
}

/** Makes the folder of a new host and returns its name, which no other process can claim. */
export async function claimName(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  for (let number = 1; ; number += 1) {
    const name = `sandbox-${number}`;
    try {
      await mkdir(join(dir, name), { mode: 0o700 });
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Writes host.json atomically. */
export async function writeHost(folder: string, host: SandboxHost): Promise<void> {
  const path = join(folder, 'host.json');
  await writeFile(`${path}.new`, `${JSON.stringify(host, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Returns undefined if host.json is missing or damaged. */
export async function readHost(folder: string): Promise<SandboxHost | undefined> {
  try {
    const host = JSON.parse(await readFile(join(folder, 'host.json'), 'utf8')) as Partial<SandboxHost>;
    const { name, port, identity, backend } = host;
    return name && port !== undefined && identity && backend ? (host as SandboxHost) : undefined;
  } catch {
    return undefined;
  }
}

function numberOf(name: string): number {
  return Number(HOST_NAME.exec(name)?.[1]);
}
