import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answers } from '../answers.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** The content of `server.json`, beside the server's database. */
export interface DevServerInfo extends ProcessIdentity {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly uiUrl: string;
}

const RECORD = 'server.json';
const LOCK = 'server.lock';

/** Writes `server.json` whole or not at all. */
export async function writeServerRecord(dir: string, info: DevServerInfo): Promise<void> {
  const fresh = join(dir, `${RECORD}.${randomUUID()}`);
  await writeFile(fresh, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
  await rename(fresh, join(dir, RECORD));
}

/** Removes `server.json` unless another process has written it. */
export async function removeServerRecord(dir: string, of: ProcessIdentity): Promise<void> {
  const recorded = await readServerRecord(dir);
  if (recorded?.pid === of.pid && recorded.startMark === of.startMark) await rm(join(dir, RECORD));
}

/** The recorded server if its process is alive. */
export async function findServerProcess(dir: string): Promise<DevServerInfo | undefined> {
  const info = await readServerRecord(dir);
  return info && (await isAlive(info)) ? info : undefined;
}

/** The recorded server if its process is alive and accepts connections. */
export async function readDevServer(dir: string): Promise<DevServerInfo | undefined> {
  const info = await findServerProcess(dir);
  return info && (await answers(portOf(info.address))) ? info : undefined;
}

/** `address` is `127.0.0.1:PORT`. */
export function portOf(address: string): number {
  return Number(address.split(':')[1]);
}

/** Runs `action` under the directory's start lock. @throws Error if a live process holds it */
export async function whileStarting<T>(dir: string, action: () => Promise<T>): Promise<T> {
  const lock = join(dir, LOCK);
  const own = join(dir, `${LOCK}.${randomUUID()}`);
  await writeFile(own, JSON.stringify(await identify(process.pid)), { mode: 0o600 });
  try {
    // Creating a link is atomic, so the lock always names its owner.
    await link(own, lock).catch(async () => {
      await removeDeadLock(lock);
      await link(own, lock);
    });
    try {
      return await action();
    } finally {
      await rm(lock, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function removeDeadLock(lock: string): Promise<void> {
  const content = await readFile(lock, 'utf8').catch(() => undefined);
  if (content === undefined) return;
  const owner = JSON.parse(content) as ProcessIdentity;
  if (await isAlive(owner))
    throw new Error(`process ${owner.pid} is starting a dev server here at this moment (${lock})`);
  const dead = `${lock}.${randomUUID()}`;
  await rename(lock, dead);
  // Another process may have replaced the lock since it was read.
  if ((await readFile(dead, 'utf8')) !== content) await rename(dead, lock);
  else await rm(dead);
}

async function readServerRecord(dir: string): Promise<DevServerInfo | undefined> {
  try {
    const info = JSON.parse(await readFile(join(dir, RECORD), 'utf8')) as Partial<DevServerInfo>;
    const { address, uiUrl, pid, startMark } = info;
    return address && uiUrl && pid && startMark ? { address, uiUrl, pid, startMark } : undefined;
  } catch {
    return undefined;
  }
}
