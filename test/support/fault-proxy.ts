import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * What the proxy does to its connections:
 * - `pass`: forwards everything.
 * - `blackhole`: keeps connections open, accepts new ones, and forwards nothing, like a dead host or a firewall that drops.
 * - `delay`: forwards everything `delayMs` later, each way.
 * - `truncate`: forwards the next `truncateBytes` bytes from client to host, then resets that connection.
 */
export type FaultMode = 'pass' | 'blackhole' | 'delay' | 'truncate';

/**
 * A TCP proxy on 127.0.0.1 that breaks connections on demand.
 *
 * ```ts
 * const proxy = await startFaultProxy(sshd.port);
 * sshd.alsoKnownAt(proxy.port);                        // trusts the host key on the proxy's port, too
 * const pool = createSshPool(); const executor = pool.executor(sshd.target({ port: proxy.port }));
 * proxy.reset();                                       // resets every open connection; new ones work
 * proxy.setMode('blackhole');                          // silence from now on
 * await proxy.refuse(); … await proxy.accept();        // refuses connections for a while
 * await proxy.close();
 * ```
 */
export interface FaultProxy {
  readonly port: number;
  /** Connections accepted since the start, for counting dials. */
  readonly accepted: () => number;
  readonly open: () => number;
  /** Applies to open and new connections. */
  readonly setMode: (mode: FaultMode, options?: { delayMs?: number; truncateBytes?: number }) => void;
  /** Bytes forwarded from the host so far. The number grows whenever the host sends something. */
  readonly heard: () => number;
  /** Ends every open connection with a TCP reset. */
  readonly reset: () => void;
  /** Leaves every open connection half-open: resets the host's end without telling the client. New ones work. */
  readonly strand: () => void;
  /** Stops listening, so that new connections are refused. Open ones continue. */
  readonly refuse: () => Promise<void>;
  /** Listens again on the same port. */
  readonly accept: () => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly host: Socket;
  /** Whether its connection is half-open: the host's end is gone. */
  stranded: boolean;
}

/** Starts a proxy in mode `pass` in front of a port of 127.0.0.1. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let mode: FaultMode = 'pass';
  let delayMs = 0;
  let budget = 0;
  let accepted = 0;
  let heard = 0;

  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.host.resetAndDestroy();
  };
  const carry = (client: Socket): void => {
    accepted++;
    const host = connect(targetPort, '127.0.0.1');
    const pair: Pair = { client, host, stranded: false };
    pairs.add(pair);
    for (const [from, to] of [
      [client, host],
      [host, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (chunk) => {
        if (mode === 'blackhole' || pair.stranded) return;
        if (from === host) heard += chunk.length;
        if (mode === 'delay') setTimeout(() => to.writable && to.write(chunk), delayMs);
        else if (mode === 'truncate' && from === client) {
          to.write(chunk.subarray(0, budget));
          budget -= chunk.length;
          if (budget <= 0) setTimeout(reset, 20, pair);
        } else to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('end', () => mode !== 'blackhole' && !pair.stranded && to.end());
      from.on('close', () => {
        // A black hole forwards no close either, and a half-open connection none to the client.
        if (mode === 'blackhole' || (pair.stranded && from === host)) return;
        pairs.delete(pair);
        to.destroy();
      });
    }
  };

  let server: Server = await listen(carry, 0);
  const { port } = server.address() as AddressInfo;
  const refuse = async (): Promise<void> => {
    const closed = server;
    if (closed.listening) await new Promise<void>((resolve) => closed.close(() => resolve()));
  };
  return {
    port,
    accepted: () => accepted,
    open: () => pairs.size,
    heard: () => heard,
    setMode: (next, options = {}) => {
      mode = next;
      delayMs = options.delayMs ?? 0;
      budget = options.truncateBytes ?? 0;
    },
    reset: () => {
      for (const pair of pairs) reset(pair);
    },
    strand: () => {
      for (const pair of pairs) {
        pair.stranded = true;
        pair.host.resetAndDestroy();
      }
    },
    refuse: async () => {
      server.close();
      await Promise.resolve();
    },
    accept: async () => {
      server = await listen(carry, port);
    },
    close: async () => {
      for (const { client, host } of pairs) {
        client.destroy();
        host.destroy();
      }
      await refuse();
    },
  };
}

async function listen(carry: (client: Socket) => void, port: number): Promise<Server> {
  const server = createServer(carry).listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return server;
}
