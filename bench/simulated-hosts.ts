// A process that stands in for any number of hosts: one SSH server on every loopback address, each a host of its own. The parent
// process gets its port and host key; to each message it gets a report.
import { createHash } from 'node:crypto';
import ssh2, { type Connection } from 'ssh2';
import { frame, parseHostCall } from './parse-host-call.ts';
import { SimulatedHost } from './simulated-host.ts';
import { asWritten, type SimulatedBehaviour } from './simulated-launches.ts';

/** What the parent process can ask. */
export interface HostsReport {
  readonly waits: number;
  readonly connections: number;
  /** The highest number of connections so far, and of logins under way. */
  readonly mostConnections: number;
  readonly mostLogins: number;
  /** By address: how many launches have begun for each step, and whether the host has its sentinel. */
  readonly hosts: Readonly<
    Record<string, { readonly begun: Readonly<Record<string, number>>; readonly provisioned: boolean }>
  >;
}

const [seed = '1', latencyMs = '0', failing = '0'] = process.argv.slice(2);
const hosts = new Map<string, SimulatedHost>();
const counts = { waits: 0, connections: 0, mostConnections: 0, logins: 0, mostLogins: 0 };
// Of the ed25519 keys that ssh2 makes, one in 256 is malformed.
const key = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
const server = new ssh2.Server({ hostKeys: [key.private] }, serve);
server.listen(0, '0.0.0.0', () => {
  const blob = Buffer.from(key.public.split(' ')[1] ?? '', 'base64');
  const hostKey = `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`;
  process.send?.({ port: (server.address() as { port: number }).port, hostKey });
});
process.on('message', () => process.send?.(report()));
process.on('disconnect', () => process.exit());

function report(): HostsReport {
  const { waits, connections, mostConnections, mostLogins } = counts;
  const found = [...hosts].map(([address, host]) => [
    address,
    { begun: Object.fromEntries(host.begun), provisioned: host.isProvisioned },
  ]);
  return {
    waits,
    connections,
    mostConnections,
    mostLogins,
    hosts: Object.fromEntries(found) as HostsReport['hosts'],
  };
}

function serve(connection: Connection): void {
  const address = addressOf(connection);
  counts.connections += 1;
  counts.logins += 1;
  counts.mostConnections = Math.max(counts.mostConnections, counts.connections);
  counts.mostLogins = Math.max(counts.mostLogins, counts.logins);
  let isLoggingIn = true;
  const loggedIn = () => {
    if (isLoggingIn) counts.logins -= 1;
    isLoggingIn = false;
  };
  connection.on('error', () => undefined);
  connection.on('close', () => {
    counts.connections -= 1;
    loggedIn();
  });
  connection.on('authentication', (login) => login.accept());
  connection.on('ready', () => {
    loggedIn();
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _, { command }) => {
        const channel = acceptExec();
        const chunks: Buffer[] = [];
        const closed = new AbortController();
        channel.on('data', (chunk: Buffer) => chunks.push(chunk));
        channel.once('close', () => closed.abort());
        channel.once('end', () => void answer(Buffer.concat(chunks)));
        const answer = async (stdin: Buffer): Promise<void> => {
          const call = parseHostCall(command);
          if (!call) {
            channel.exit(127);
            return void channel.end();
          }
          const { token, subcommand, args } = call;
          const say = (body: string) => void channel.write(frame(token, body));
          const isWait = subcommand === 'wait';
          if (isWait) counts.waits += 1;
          const code = await hostAt(address).answer({ subcommand, args, stdin, say, signal: closed.signal });
          if (isWait) counts.waits -= 1;
          if (closed.signal.aborted) return;
          channel.exit(code);
          channel.end();
        };
      });
    });
  });
}

/** The loopback address to which a client has connected. The types of ssh2 do not have its socket. */
function addressOf(connection: Connection): string {
  const { _sock: socket } = connection as unknown as { readonly _sock: { readonly localAddress?: string } };
  return socket.localAddress?.replace(/^::ffff:/, '') ?? '';
}

function hostAt(address: string): SimulatedHost {
  const host = hosts.get(address) ?? new SimulatedHost(behaviourOf(address));
  hosts.set(address, host);
  return host;
}

/** Draws how a host behaves from the seed and its address, so that it is the same in each repetition. */
function behaviourOf(address: string): SimulatedBehaviour {
  const draw = makeDraw(`${seed} ${address}`);
  const isFailing = draw() < Number(failing);
  return {
    latencyMs: () => Number(latencyMs) * (0.5 + draw()),
    runs(script) {
      const { ms, code } = asWritten.runs(script);
      return { ms: Math.round(ms * (0.5 + draw())), code: isFailing ? 1 : code };
    },
  };
}

/** mulberry32 */
function makeDraw(text: string): () => number {
  let state = createHash('sha256').update(text).digest().readUInt32LE();
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
