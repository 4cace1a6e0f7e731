import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Env } from './ask-program.ts';
import type { Release } from './temporal-releases.ts';

const ABANDONED_MS = 6 * 3_600_000;
const NEW = '.new-';

/** `${XDG_CACHE_HOME:-~/.cache}/chandler`. The XDG specification says to ignore a relative value. */
export function defaultCacheDir(env: Env): string {
  const configured = env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(configured) ? configured : join(env['HOME'] || homedir(), '.cache'), 'chandler');
}

export function cachedProgram(cacheDir: string, release: Release): string {
  return join(cacheDir, release.name, release.version, release.name);
}

/**
 * Installs a program by one rename, so that concurrent installations are safe. `fetch` puts it in the directory it gets; `verify`
 * throws unless it works.
 */
export async function installInCache<T>(
  path: string,
  fetch: (dir: string) => Promise<string>,
  verify: (program: string) => Promise<T>,
): Promise<T> {
  const home = join(path, '..');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await removeAbandoned(home);
  const dir = await mkdtemp(join(home, NEW));
  try {
    const program = await fetch(dir);
    await chmod(program, 0o755);
    const verified = await verify(program);
    await rename(program, path);
    return verified;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const dir = join(home, name);
    const changed = name.startsWith(NEW) ? await stat(dir).catch(() => undefined) : undefined;
    if (changed && Date.now() - changed.mtimeMs > ABANDONED_MS)
      await rm(dir, { recursive: true, force: true });
  }
}
