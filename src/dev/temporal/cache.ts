import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Env } from './answer.ts';
import type { Release } from './releases.ts';

const ABANDONED_MS = 6 * 3_600_000;
const NEW = '.new-';

/** Where Chandler keeps what it downloads: `${XDG_CACHE_HOME:-~/.cache}/chandler` (a relative value counts as unset). */
export function defaultCacheDir(env: Env): string {
  const configured = env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(configured) ? configured : join(env['HOME'] || homedir(), '.cache'), 'chandler');
}

/** Where the cache has, or will have, this release's program. */
export function cachedProgram(cacheDir: string, release: Release): string {
  return join(cacheDir, release.name, release.version, release.name);
}

/**
 * Installs a program in the cache by one rename: `fetch` puts it anywhere in the private directory it gets, `verify`
 * throws unless it works. Others that install at the same time do no harm. Returns the path and what `verify` said.
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
    await flush(program);
    await rename(program, path);
    return verified;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Removes what killed downloads left behind. */
async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    const dir = join(home, name);
    const changed = name.startsWith(NEW) ? await stat(dir).catch(() => undefined) : undefined;
    if (changed && Date.now() - changed.mtimeMs > ABANDONED_MS)
      await rm(dir, { recursive: true, force: true });
  }
}

/** A power failure after the rename must not leave a file full of zeros under the final name. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
