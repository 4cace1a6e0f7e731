import type { Duplex } from 'node:stream';
import type { Client, MacAlgorithm } from 'ssh2';
import { ChandlerError, messageOf } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { timing } from '../domain/run/timing.ts';
import { render, type Command } from '../shell/index.ts';
import { prepareLogin, type Login } from './prepare-login.ts';
import { classify, toFailure } from './ssh-failure.ts';
import type { Executor } from './executor.ts';
import { firstAndLast } from './describe-printed.ts';
import { checkHostKey, type HostKeyCheck } from './host-key.ts';
import { runExec, type Link } from './run-exec.ts';
import type { ResolvedTarget } from './resolved-target.ts';
import { connectSocket } from './connect-socket.ts';
import { Patience } from './patience.ts';

/** Time limits of a connection. */
export interface SshConnectionOptions {
  /** How long one address may take to accept. Milliseconds; default 2 500. */
  readonly connectTimeoutMs?: number;
  /**
   * How long handshake and login may take. Milliseconds; default 7 000. A pool gives twice as long to a host that has just taken
   * longer.
   */
  readonly readyTimeoutMs?: number;
  /** The time between checks for a sign of life. Milliseconds; default 3 000. */
  readonly keepaliveMs?: number;
  /** The number of failed checks after which the connection counts as gone. Default 2. */
  readonly keepaliveCount?: number;
}

/** An SSH connection after login. */
export interface Connection extends Executor {
  /** Why the connection is gone; undefined while it lives. */
  readonly gone: () => string | undefined;
  /** Calls the listener once, whichever side ends the connection. */
  readonly onGone: (listener: (reason: string) => void) => void;
  /** Opens a TCP connection from the host. @throws ChandlerError host-unreachable, host-unsupported, connection-lost */
  readonly forward: (host: string, port: number) => Promise<Duplex>;
  /** Closes the connection; running commands are lost. */
  readonly close: () => void;
}

/** How many of the last characters are kept of what a host prints before the login is complete. */
const BANNER_LENGTH = 4096;
/** dropbear rejects more than 10 000 bytes. */
const MAX_COMMAND_BYTES = 8 * 1024;

/** The defaults of ssh2, without SHA-1. */
const HMACS: MacAlgorithm[] = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
];

/**
 * Connects, through `via` if there is a jump host, checks the host key, and then logs in. `patience` limits the login and learns
 * from it. Throws as {@link Executor.exec}.
 */
export async function openConnection(
  target: ResolvedTarget,
  options: SshConnectionOptions = {},
  {
    via,
    patience = new Patience(options.readyTimeoutMs ?? timing.loginMs),
  }: { via?: Duplex; patience?: Patience } = {},
): Promise<Connection> {
  const label = addressOf(target);
  // Loaded by the first connection: a program may import the library for other things.
  const { default: ssh2 } = await import('ssh2');
  const login = await prepareLogin(target);
  const check = checkHostKey(target);
  const transport = via ?? (await dial(target, options.connectTimeoutMs));
  const client = new ssh2.Client();
  // ssh2 emits errors even after the connection is gone.
  client.on('error', () => undefined);
  transport.on('error', () => undefined);
  try {
    await logIn(client, transport, target, options, login, check, patience);
  } catch (error) {
    destroy(transport);
    const isRefusal = error instanceof Error && classify('dial', error).code === 'auth-failed';
    if (isRefusal && !(error instanceof ChandlerError)) throw await login.refused(error);
    throw toFailure(error, { where: 'dial', label, doing: 'no login' });
  }
  return watch(client, transport, label, options);
}

function dial(target: ResolvedTarget, timeoutMs: number = timing.connectMs): Promise<Duplex> {
  return connectSocket(target.host, target.port, timeoutMs).catch((error: unknown) => {
    throw toFailure(error, { where: 'dial', label: addressOf(target), doing: 'no connection' });
  });
}

function logIn(
  client: Client,
  transport: Duplex,
  target: ResolvedTarget,
  options: SshConnectionOptions,
  login: Login,
  check: HostKeyCheck,
  patience: Patience,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let banner = '';
    // PAM says here why it refuses a user whose key was accepted; then sshd closes the connection.
    client.on('banner', (text: string) => {
      banner = (banner + text).slice(-BANNER_LENGTH);
    });
    const rejectEnd = () => {
      const printed = firstAndLast(banner);
      const error = new Error(`the host closed the connection${printed && ` and printed “${printed}”`}`);
      reject(
        check.refusal() ?? toFailure(error, { where: 'dial', label: addressOf(target), doing: 'no login' }),
      );
    };
    client.on('error', (error: Error & { level?: string }) => {
      if (error.level === 'agent') login.noteAgentError(error);
      else reject(check.refusal() ?? error);
    });
    client.on('close', rejectEnd).on('end', rejectEnd);
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
      // A block body: ssh2 reads a returned value as consent.
      hostVerifier: (keyBlob: Buffer, verify: (ok: boolean) => void): void => {
        check.verify(keyBlob, verify);
      },
      algorithms: { serverHostKey: check.algorithms, hmac: HMACS, compress: ['none'] },
      readyTimeout: 0,
      // ssh2 only sends the pings; watch() decides whether the host still answers.
      keepaliveInterval: options.keepaliveMs ?? timing.keepaliveEveryMs,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    });
    const startedAt = performance.now();
    const limitMs = patience.ms;
    let hasSpoken = false;
    transport.once('data', () => (hasSpoken = true));
    const timer = setTimeout(() => {
      const what = hasSpoken
        ? `the login was not complete within ${limitMs} ms`
        : `the host accepted the connection and sent nothing for ${limitMs} ms`;
      patience.ranOut(limitMs);
      reject(new Error(what));
    }, limitMs);
    client.once('ready', () => {
      clearTimeout(timer);
      patience.took(performance.now() - startedAt);
    });
    transport.once('close', () => clearTimeout(timer));
  });
}

function watch(client: Client, transport: Duplex, label: string, options: SshConnectionOptions): Connection {
  const { keepaliveMs = timing.keepaliveEveryMs, keepaliveCount = timing.keepaliveCount } = options;
  const running: Link['running'] = new Set();
  const listeners: ((reason: string) => void)[] = [];
  let gone: string | undefined;
  let heard = true;
  let silentChecks = 0;

  const end = (reason: string): void => {
    if (gone !== undefined) return;
    gone = reason;
    clearInterval(timer);
    destroy(transport);
    for (const listener of listeners) listener(reason);
    // When the socket closes, ssh2 reports to each exec whether its command was sent. This handles the remaining execs, because
    // the channel of a silent jump host never closes.
    setImmediate(() => setImmediate(() => running.forEach((lose) => lose(reason))));
  };

  // Any byte is a sign of life: on a slow line the answer to a ping waits behind megabytes of output.
  transport.on('data', () => (heard = true));
  const timer = setInterval(() => {
    silentChecks = heard ? 0 : silentChecks + 1;
    heard = false;
    if (silentChecks >= keepaliveCount) end(`no sign of life for ${silentChecks * keepaliveMs} ms`);
  }, keepaliveMs);

  client.on('error', (error: Error) => end(messageOf(error)));
  client.on('end', () => end('the host closed the connection'));
  client.on('close', () => end('the connection closed'));

  const link: Link = { client, transport, label, running, gone: () => gone };
  return {
    gone: () => gone,
    onGone: (listener) => {
      if (gone === undefined) listeners.push(listener);
      else listener(gone);
    },
    exec: async (command, execOptions = {}) => runExec(link, renderChecked(command), execOptions),
    forward: (host, port) => forward(link, host, port),
    close: () => end('the worker closed the connection'),
  };
}

function forward(link: Link, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      const where = link.gone() === undefined ? 'forward' : 'exec';
      const doing = `no connection from here to ${host}:${port}`;
      reject(toFailure(error, { where, label: link.label, doing }));
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      fail(new Error(`no answer within ${timing.forwardMs} ms`));
    }, timing.forwardMs);
    try {
      link.client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error) return fail(error);
        clearTimeout(timer);
        if (isLate) return destroy(channel);
        resolve(channel);
      });
    } catch (error) {
      fail(error);
    }
  });
}

/** Renders a command. @throws TypeError if it is too long for some hosts, which is a programming error */
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
    // A jump host's channel cannot be closed after its connection.
  }
}
