import type { Duplex } from 'node:stream';
import { Client } from 'ssh2';
import type { MacAlgorithm } from 'ssh2';
import { messageOf } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { timing } from '../domain/timing.ts';
import { render } from '../shell/index.ts';
import type { Command } from '../shell/index.ts';
import { prepareLogin } from './auth.ts';
import type { Login } from './auth.ts';
import { classify, toFailure } from './errors.ts';
import type { ExecOptions, Executor, Outcome } from './executor.ts';
import { checkHostKey } from './host-key.ts';
import type { HostKeyCheck } from './host-key.ts';
import { runInSession } from './session.ts';
import type { Link } from './session.ts';
import type { ResolvedTarget } from './target.ts';
import { connectSocket } from './transport.ts';

/** How long a connection may take, and when it counts as gone. */
export interface SshConnectionOptions {
  /** For one address to accept. Milliseconds; default 2 500. */
  readonly connectTimeoutMs?: number;
  /** For handshake and login. Milliseconds; default 15 000. */
  readonly readyTimeoutMs?: number;
  /** Between two looks for a sign of life. Milliseconds; default 4 000. */
  readonly keepaliveMs?: number;
  /** So many looks without a sign of life mean that the connection is gone: after 8 to 12 s. Default 2. */
  readonly keepaliveCount?: number;
}

/** One SSH connection, logged in. */
export interface Connection extends Executor {
  /** `user@host:port`. */
  readonly label: string;
  /** Why the connection is gone; undefined while it lives. */
  readonly gone: () => string | undefined;
  /** Calls back once when the connection is gone, whoever ended it. */
  readonly onGone: (listener: (reason: string) => void) => void;
  /**
   * Opens a TCP connection from the host to another one.
   *
   * @throws ChandlerError host-unreachable, host-unsupported (forwarding is forbidden), connection-lost.
   */
  readonly forward: (host: string, port: number) => Promise<Duplex>;
  /** Ends the connection at once; commands under way are lost. */
  readonly close: () => void;
}

/** Longer ones fail in several ways (dropbear stops at 10 000 bytes); bodies belong on stdin. */
const MAX_COMMAND_BYTES = 8 * 1024;

/** Everything ssh2 offers by default, without SHA-1. */
const HMACS: MacAlgorithm[] = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
];

/**
 * Connects and logs in. The host key is checked before any attempt to log in.
 *
 * @param via a connection through a jump host; by default a TCP connection is opened.
 * @throws ChandlerError host-unreachable, host-key-unknown, host-key-mismatch, auth-failed, identity-unavailable,
 * host-unsupported.
 */
export async function openConnection(
  target: ResolvedTarget,
  options: SshConnectionOptions = {},
  via?: Duplex,
): Promise<Connection> {
  const label = addressOf(target);
  const login = prepareLogin(target);
  const check = checkHostKey(target);
  const transport = via ?? (await dial(target, options));
  const client = new Client();
  // Stays for good: ssh2 emits errors also after the connection is gone.
  client.on('error', () => undefined);
  transport.on('error', () => undefined);
  try {
    await logIn(client, transport, target, options, login, check);
  } catch (error) {
    destroy(transport);
    throw error instanceof LoginRefused
      ? await login.refused(error.reason)
      : toFailure(error, { where: 'dial', label, doing: 'no login' });
  }
  return watch(client, transport, label, options);
}

class LoginRefused {
  readonly reason: Error;
  constructor(reason: Error) {
    this.reason = reason;
  }
}

async function dial(target: ResolvedTarget, options: SshConnectionOptions): Promise<Duplex> {
  try {
    return await connectSocket(target.host, target.port, options.connectTimeoutMs ?? timing.connectMs);
  } catch (error) {
    throw toFailure(error, { where: 'dial', label: addressOf(target), doing: 'no connection' });
  }
}

async function logIn(
  client: Client,
  transport: Duplex,
  target: ResolvedTarget,
  options: SshConnectionOptions,
  login: Login,
  check: HostKeyCheck,
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') login.noteAgentError(error);
      else if (check.refusal()) reject(check.refusal());
      else reject(classify('dial', error).code === 'auth-failed' ? new LoginRefused(error) : error);
    });
    client.on('close', () => reject(check.refusal() ?? new Error('the host closed the connection')));
    client.on('end', () => reject(check.refusal() ?? new Error('the host closed the connection')));
    client.once('handshake', () => {
      try {
        check.remember();
      } catch (error) {
        reject(error);
        destroy(transport);
      }
    });
    client.once('ready', resolve);
    client.connect({
      sock: transport,
      username: target.user,
      authHandler: login.handler,
      // The callback form, with a block body: any value returned from here would count as consent.
      hostVerifier: (keyBlob: Buffer, verify: (ok: boolean) => void): void => {
        check.verify(keyBlob, (ok: unknown) => verify(ok === true));
      },
      algorithms: { serverHostKey: check.algorithms, hmac: HMACS, compress: ['none'] },
      readyTimeout: options.readyTimeoutMs ?? 15_000,
      // ssh2 pings; whether the host is there is for watch() to say.
      keepaliveInterval: options.keepaliveMs ?? timing.keepaliveEveryMs,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    });
  });
}

function watch(client: Client, transport: Duplex, label: string, options: SshConnectionOptions): Connection {
  const { keepaliveMs = timing.keepaliveEveryMs, keepaliveCount = timing.keepaliveLooks } = options;
  const running: Link['running'] = new Set();
  const listeners: ((reason: string) => void)[] = [];
  let gone: string | undefined;
  let heard = true;
  let silentLooks = 0;

  const end = (reason: string): void => {
    if (gone !== undefined) return;
    gone = reason;
    clearInterval(timer);
    destroy(transport);
    for (const listener of listeners) listener(reason);
    // The socket's close event, on which ssh2 tells each session whether its command was sent, comes at the end of this
    // round of the event loop. Whom it leaves out (a jump host's channel never closes if that host is silent) is told now.
    setImmediate(() => setImmediate(() => running.forEach((lose) => lose(reason))));
  };

  // Any byte is a sign of life: an answer to a ping may be stuck behind megabytes of output on a slow line.
  transport.on('data', () => (heard = true));
  const timer = setInterval(() => {
    silentLooks = heard ? 0 : silentLooks + 1;
    heard = false;
    if (silentLooks >= keepaliveCount) end(`no sign of life for ${silentLooks * keepaliveMs} ms`);
  }, keepaliveMs);

  client.on('error', (error: Error) => end(messageOf(error)));
  client.on('end', () => end('the host closed the connection'));
  client.on('close', () => end('the connection closed'));

  const link: Link = { client, transport, label, running, gone: () => gone };
  return {
    label,
    gone: () => gone,
    onGone: (listener) => {
      if (gone === undefined) listeners.push(listener);
      else listener(gone);
    },
    exec: async (command: Command, execOptions: ExecOptions = {}): Promise<Outcome> =>
      runInSession(link, renderChecked(command), execOptions),
    forward: async (host, port) => forward(link, host, port),
    close: () => end('the worker closed the connection'),
  };
}

async function forward(link: Link, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const where = link.gone() === undefined ? 'forward' : 'session';
      reject(
        toFailure(error, { where, label: link.label, doing: `no connection from here to ${host}:${port}` }),
      );
    };
    try {
      link.client.forwardOut('127.0.0.1', 0, host, port, (error, channel) =>
        error ? fail(error) : resolve(channel),
      );
    } catch (error) {
      fail(error);
    }
  });
}

/**
 * Renders a command for the host.
 *
 * @throws TypeError, a programming error, if it is longer than every host takes.
 */
export function renderChecked(command: Command): string {
  const line = render(command);
  const bytes = Buffer.byteLength(line);
  if (bytes <= MAX_COMMAND_BYTES) return line;
  throw new TypeError(`a command of ${bytes} bytes is over ${MAX_COMMAND_BYTES}: send the body on stdin`);
}

function destroy(transport: Duplex): void {
  try {
    transport.destroy();
  } catch {
    // A jump host's channel cannot be closed any more once that connection is gone.
  }
}
