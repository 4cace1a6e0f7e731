import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** What others need to know of a dev server; `server.json` beside its database holds the same. */
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

/** Removes `server.json` unless it tells of another process by now. */
export async function removeServerRecord(dir: string, of: ProcessIdentity): Promise<void> {
  const recorded = await readServerRecord(dir);
  if (recorded?.pid === of.pid && recorded.startMark === of.startMark) await rm(join(dir, RECORD));
}

/** The recorded server if its process lives, whether it answers or not. */
export async function findServerProcess(dir: string): Promise<DevServerInfo | undefined> {
  const info = await readServerRecord(dir);
  return info && (await isAlive(info)) ? info : undefined;
}

/** The dev server that runs on the database in this directory; undefined when none lives and answers. */
export async function readDevServer(dir: string): Promise<DevServerInfo | undefined> {
  const info = await findServerProcess(dir);
  return info && (await accepts(info.address)) ? info : undefined;
}

/** Whether something accepts connections at `HOST:PORT`. */
export function accepts(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 1000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

/**
 * Does something while no other process starts a server in this directory. The lock names its owner; one whose owner
 * is dead counts for nothing. Throws when a live owner holds it.
 */
export async function whileStarting<T>(dir: string, action: () => Promise<T>): Promise<T> {
  const lock = join(dir, LOCK);
  const own = join(dir, `${LOCK}.${randomUUID()}`);
  await writeFile(own, JSON.stringify(await identify(process.pid)), { mode: 0o600 });
  try {
    // A link is there whole or not at all: nobody reads a lock without an owner.
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
  // Between reading and renaming another process may have done the same and have its own lock there by now.
  if ((await readFile(dead, 'utf8')) !== content) await rename(dead, lock);
  else await rm(dead);
}

async function readServerRecord(dir: string): Promise<DevServerInfo | undefined> {
  try {
    const info = JSON.parse(await readFile(join(dir, RECORD), 'utf8')) as Partial<DevServerInfo>;
    const { address, uiUrl, pid, startMark } = info;
    const isWhole =
      address !== undefined && uiUrl !== undefined && pid !== undefined && startMark !== undefined;
    return isWhole ? { address, uiUrl, pid, startMark } : undefined;
  } catch {
    return undefined;
  }
}
