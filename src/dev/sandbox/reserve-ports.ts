import type { ListenOptions, Server } from 'node:net';
import { listen } from '../listen.ts';

const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 31_999;

/** Reserves random ports below the range of outgoing connections on Linux. @throws Error if it finds too few */
export async function reservePorts(count: number): Promise<{ ports: number[]; release: () => void }> {
  const held = new Map<number, Server>();
  const release = (): void => held.forEach((server) => server.close());
  for (let tries = 0; held.size < count && tries < 50 + count * 10; tries += 1) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    // An abstract socket: the kernel frees it with the process that holds it.
    const claim = held.has(port) ? undefined : await tryListen({ path: `\0chandler-sandbox-port-${port}` });
    if (claim === undefined) continue;
    const probe = await tryListen({ host: '127.0.0.1', port, exclusive: true });
    probe?.close();
    if (probe === undefined) claim.close();
    else held.set(port, claim);
  }
  if (held.size === count) return { ports: [...held.keys()], release };
  release();
  throw new Error(`no ${count} free ports between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

function tryListen(options: ListenOptions): Promise<Server | undefined> {
  return listen(options).catch(() => undefined);
}
