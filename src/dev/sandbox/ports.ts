import { createServer } from 'node:net';
import type { ListenOptions, Server } from 'node:net';

const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 31_999;

/** Loopback ports that nobody listens on, and that no other starter takes until `release`. */
export interface ReservedPorts {
  readonly ports: readonly number[];
  readonly release: () => void;
}

/**
 * Reserves free loopback ports, at random and below the range that Linux gives to outgoing connections.
 *
 * @throws Error when it finds too few.
 */
export async function reservePorts(count: number, random: () => number): Promise<ReservedPorts> {
  const held = new Map<number, Server>();
  const release = (): void => held.forEach((server) => server.close());
  for (let tries = 0; held.size < count && tries < 50 + count * 10; tries += 1) {
    const port = LOWEST_PORT + Math.floor(random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    // A name of Linux's abstract socket namespace: the kernel frees it with the process that holds it.
    const claim = held.has(port) ? undefined : await listen({ path: `\0chandler-sandbox-port-${port}` });
    if (claim === undefined) continue;
    const probe = await listen({ host: '127.0.0.1', port, exclusive: true });
    probe?.close();
    if (probe === undefined) claim.close();
    else held.set(port, claim);
  }
  if (held.size === count) return { ports: [...held.keys()], release };
  release();
  throw new Error(`no ${count} free ports between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

function listen(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(options, () => resolve(server));
  });
}
