import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostKeyPolicy, ResolvedTarget } from '../../src/ssh/resolved-target.ts';
import { endProcesses } from './own-home.ts';

const run = promisify(execFile);

export interface SshdOptions {
  /** Types of host keys. Default: ['ed25519']. */
  readonly hostKeys?: readonly ('ed25519' | 'ecdsa' | 'rsa')[];
  /** Lines for the start of sshd_config, where they take precedence, e.g. 'MaxSessions 1'. */
  readonly config?: readonly string[];
}

export interface Sshd {
  readonly port: number;
  /** Holds the keys, configuration and log of this server. */
  readonly dir: string;
  /** $HOME of the commands that run on this server. */
  readonly home: string;
  /** The private key that may log in as root. */
  readonly clientKey: string;
  /** A known_hosts file with every host key of this server, for 127.0.0.1. */
  readonly knownHosts: string;
  /** Adds this server's key on another port, e.g. that of a fault proxy, to known_hosts. */
  alsoKnownAt(port: number): void;
  /** The public host key `type base64`. */
  hostKey(type?: 'ed25519' | 'ecdsa' | 'rsa'): string;
  /** A target that can log in, with the given changes. */
  target(changes?: Partial<ResolvedTarget>): ResolvedTarget;
  log(): string;
  /** Waits up to 5 s for a matching line in the log, from character `since` on. */
  logged(pattern: RegExp, since?: number): Promise<string>;
  stop(): Promise<void>;
}

const SETTINGS = [
  'ListenAddress 127.0.0.1',
  'PermitRootLogin prohibit-password',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'UsePAM no',
  'StrictModes no',
  'MaxStartups 100',
  'LogLevel DEBUG1',
  'PidFile none',
];

/** Starts a real OpenSSH server on a loopback port. Needs root and /usr/sbin/sshd. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-sshd-'));
  chmodSync(dir, 0o700);
  // sshd's privilege separation directory, which its service creates.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const home = join(dir, 'home');
  mkdirSync(home, { mode: 0o700 });
  const types = options.hostKeys ?? ['ed25519'];
  await Promise.all([
    ...types.map((type) => makeKey(join(dir, `host_${type}`), type)),
    makeKey(join(dir, 'client'), 'ed25519'),
  ]);
  writeFileSync(join(dir, 'authorized_keys'), readFileSync(join(dir, 'client.pub')), { mode: 0o600 });
  const port = await freePort();
  const config = [
    ...(options.config ?? []),
    `Port ${port}`,
    ...types.map((type) => `HostKey ${join(dir, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
    ...SETTINGS,
    // Its own home: bash under sshd runs ~/.bashrc, and the real one may take 150 ms.
    `SetEnv HOME=${home}`,
  ];
  writeFileSync(join(dir, 'sshd_config'), `${config.join('\n')}\n`);
  const logFile = join(dir, 'log');
  writeFileSync(logFile, '');
  // With setpriv the server ends with the test run, even a killed one. setpriv execs sshd, so the pid is sshd's.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '/usr/sbin/sshd', '-D', '-f', join(dir, 'sshd_config'), '-E', logFile],
    { stdio: 'ignore' },
  );
  await listening(port, child, logFile);

  const hostKey = (type: string = types[0] ?? 'ed25519'): string =>
    readFileSync(join(dir, `host_${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')
      .trim();
  const knownHosts = join(dir, 'known_hosts');
  const clientKey = readFileSync(join(dir, 'client'), 'utf8');
  const alsoKnownAt = (port: number): void => {
    appendFileSync(knownHosts, types.map((type) => `[127.0.0.1]:${port} ${hostKey(type)}\n`).join(''));
  };
  alsoKnownAt(port);
  const policy: HostKeyPolicy = { kind: 'known-hosts', files: [knownHosts] };
  return {
    port,
    dir,
    home,
    clientKey,
    knownHosts,
    alsoKnownAt,
    hostKey,
    target: (changes = {}) => ({
      host: '127.0.0.1',
      port,
      user: 'root',
      auth: { kind: 'key', privateKey: clientKey, source: 'client' },
      hostKey: policy,
      ...changes,
    }),
    log: () => readFileSync(logFile, 'utf8'),
    logged: (pattern, since = 0) => awaitLine(logFile, pattern, since),
    stop: async () => {
      await endTree(child);
      // Commands outlive their connection.
      endProcesses(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function awaitLine(logFile: string, pattern: RegExp, since: number): Promise<string> {
  for (let i = 0; i < 100; i++) {
    const lines = readFileSync(logFile, 'utf8').slice(since).split('\n');
    const line = lines.find((text) => pattern.test(text));
    if (line !== undefined) return line;
    await pause(50);
  }
  throw new Error(`${String(pattern)} is not in the log of sshd:\n${readFileSync(logFile, 'utf8')}`);
}

/** Makes a key pair without a passphrase (or with one) in `file` and `file.pub`. */
export async function makeKey(
  file: string,
  type: 'ed25519' | 'ecdsa' | 'rsa',
  passphrase = '',
): Promise<void> {
  await run('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...(type === 'rsa' ? ['-b', '2048'] : []),
    '-N',
    passphrase,
    '-C',
    'test',
    '-f',
    file,
  ]);
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function listening(port: number, child: ChildProcess, logFile: string): Promise<void> {
  for (let i = 0; i < 200 && child.exitCode === null; i++) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (ok) return;
    await pause(10);
  }
  throw new Error(`sshd did not start:\n${readFileSync(logFile, 'utf8')}`);
}

/** Ends a process and all its descendants: sshd's sessions outlive a killed parent. */
async function endTree(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const pids = await descendants(child.pid);
  const gone = child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined;
  for (const pid of [child.pid, ...pids]) endProcess(pid);
  await gone;
}

async function descendants(root: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-e', '-o', 'pid=,ppid=']);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [root];
  for (const parent of found)
    for (const [pid, ppid] of pairs) if (ppid === parent && pid !== undefined) found.push(pid);
  return found.slice(1);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}
