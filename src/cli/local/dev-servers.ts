import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDevServer, type DevServerInfo } from '../../dev/temporal/index.ts';
import type { CliContext } from '../context.ts';
import { devDir, devServersDir } from './state-dirs.ts';

/** A running server of `chandler dev` and its data directory. */
export interface FoundDevServer extends DevServerInfo {
  readonly dir: string;
}

/**
 * Records the data directory of a `chandler dev`, so that commands in other terminals find its server. Removes entries whose
 * server is gone, because a killed `dev` leaves its entry. Returns a function that removes the new entry.
 */
export async function recordDevDir(
  context: Pick<CliContext, 'env'>,
  dir: string,
): Promise<() => Promise<void>> {
  const registry = devServersDir(context);
  await mkdir(registry, { recursive: true, mode: 0o700 });
  for (const { file, dir: other } of await readEntries(registry))
    if (!(await readDevServer(other))) await rm(file, { force: true });
  const whole = await realpath(dir);
  const file = join(registry, createHash('sha256').update(whole).digest('hex').slice(0, 16));
  await writeFile(file, whole, { mode: 0o600 });
  return () => rm(file, { force: true });
}

/** The running servers of every `chandler dev` of this user. */
export async function findDevServers(context: Pick<CliContext, 'env'>): Promise<FoundDevServer[]> {
  const usual = devDir(context);
  const recorded = (await readEntries(devServersDir(context))).map(({ dir }) => dir);
  // The usual directory has no entry if its `dev` died and only the server is left.
  const dirs = new Set([await realpath(usual).catch(() => usual), ...recorded]);
  const found = await Promise.all(
    [...dirs].map(async (dir) => {
      const server = await readDevServer(dir);
      return server ? [{ ...server, dir }] : [];
    }),
  );
  return found.flat();
}

async function readEntries(registry: string): Promise<{ readonly file: string; readonly dir: string }[]> {
  const names = await readdir(registry).catch(() => []);
  const entries = await Promise.all(
    names.map(async (name) => {
      const file = join(registry, name);
      // Its `dev` may have removed it meanwhile.
      const dir = await readFile(file, 'utf8').catch(() => '');
      return { file, dir };
    }),
  );
  return entries.filter(({ dir }) => dir !== '');
}
