import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChandlerError } from '../../src/domain/run/failure.ts';
import { openConnection } from '../../src/ssh/connection.ts';
import type { SshConnectionOptions } from '../../src/ssh/connection.ts';
import type { ResolvedTarget } from '../../src/ssh/resolved-target.ts';
import { sh } from '../../src/shell/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { freePort, makeKey, startSshd } from '../support/sshd.ts';
import type { Sshd, SshdOptions } from '../support/sshd.ts';

let sshd: Sshd;
let proxy: FaultProxy;
const others: Sshd[] = [];

beforeAll(async () => {
  sshd = await startSshd();
  proxy = await startFaultProxy(sshd.port);
  sshd.alsoKnownAt(proxy.port);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([sshd, ...others].map(async (server) => server.stop()));
});

const attempt = async (
  changes: Partial<ResolvedTarget>,
  options?: SshConnectionOptions,
): Promise<unknown> => {
  try {
    const connection = await openConnection(sshd.target(changes), options);
    connection.close();
    return 'connected';
  } catch (error) {
    return error;
  }
};
const matching = (text: string | RegExp) =>
  (typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text)) as string;
const failure = (code: string, message: string | RegExp, advice?: string): object => ({
  code,
  message: matching(message),
  ...(advice !== undefined && { advice: matching(advice) }),
});

/** Starts another server, which ends after all tests. */
async function startOther(options?: SshdOptions): Promise<Sshd> {
  const server = await startSshd(options);
  others.push(server);
  return server;
}

describe('a host cannot be reached if it', () => {
  it('has no address', async () => {
    expect(await attempt({ host: 'nowhere.invalid' })).toMatchObject(
      failure('host-unreachable', 'ENOTFOUND', 'does not resolve'),
    );
  });

  it('refuses the connection', async () => {
    const error = await attempt({ port: await freePort() });
    expect(error).toMatchObject(
      failure('host-unreachable', /^root@127\.0\.0\.1:\d+: no connection: /, 'Nothing listens on that port'),
    );
  });

  it('does not finish the handshake in time', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => undefined).write('SSH-2.0-OpenSSH_9.2\r\n'),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const error = await attempt({ port: (server.address() as AddressInfo).port }, { readyTimeoutMs: 300 });
    server.close();
    expect(error).toMatchObject(
      failure('host-unreachable', 'the login was not complete within 300 ms', 'its logins stall'),
    );
  });

  it('does not greet in time', async () => {
    proxy.setMode('blackhole');
    const error = await attempt({ port: proxy.port }, { readyTimeoutMs: 200 });
    proxy.setMode('pass');
    expect(error).toMatchObject(
      failure('host-unreachable', 'accepted the connection and sent nothing for 200 ms', 'does not answer'),
    );
  });

  it.each([
    '',
    'SSH-2.0-x\r\n',
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'Exceeded MaxStartups\r\n',
    'SSH-1.5-x\r\n',
    '\0'.repeat(9000),
  ])('sends %j and hangs up', async (greeting) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end(greeting)).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => server.once('listening', resolve));
    const error = await attempt({ port: (server.address() as AddressInfo).port }, { readyTimeoutMs: 2000 });
    server.close();
    expect(error).toMatchObject({ code: 'host-unreachable' });
  });

  it('resets the connection during the login', async () => {
    proxy.setMode('truncate', { truncateBytes: 1000 });
    const error = await attempt({ port: proxy.port });
    proxy.setMode('pass');
    expect(error).toMatchObject({ code: 'host-unreachable' });
  });

  it('does not accept the connection within the connect timeout', async () => {
    // TEST-NET-1 never answers; without a route, connecting fails at once. 100 ms more than the limit: see connectSocket.
    const error = await attempt({ host: '192.0.2.1' }, { connectTimeoutMs: 300 });
    expect(error).toMatchObject(
      failure('host-unreachable', /no connection: .*(within 400 ms|refused|unreach)/i),
    );
  });
});

describe('a login is refused', () => {
  it('for the user', async () => {
    const error = await attempt({ user: 'nobody' });
    expect(error).toMatchObject(
      failure('auth-failed', /^nobody@.*did not accept the key client \(the host accepts: publickey\)/),
    );
  });

  it('for another key', async () => {
    const file = join(sshd.dir, 'stranger');
    await makeKey(file, 'ed25519');
    const auth = { kind: 'key', privateKey: readFileSync(file, 'utf8'), source: 'stranger' } as const;
    expect(await attempt({ auth })).toMatchObject(failure('auth-failed', 'did not accept the key stranger'));
  });
});

describe('an identity cannot be used if it', () => {
  it('has a passphrase', async () => {
    const file = join(sshd.dir, 'locked');
    await makeKey(file, 'ed25519', 'secret words');
    const privateKey = readFileSync(file, 'utf8');
    const error = await attempt({ auth: { kind: 'key', privateKey, source: 'locked' } });
    expect(error).toMatchObject(
      failure('identity-unavailable', 'identity locked: ', 'load it into an ssh-agent'),
    );
    expect(String(error)).not.toContain(privateKey.slice(100, 130));
  });

  it('is not a key', async () => {
    const auth = { kind: 'key', privateKey: 'hello', source: 'x' } as const;
    expect(await attempt({ auth })).toMatchObject(
      failure('identity-unavailable', 'identity x: ', 'OpenSSH format'),
    );
  });

  it('is a public key', async () => {
    const privateKey = readFileSync(join(sshd.dir, 'client.pub'), 'utf8');
    expect(await attempt({ auth: { kind: 'key', privateKey, source: 'x' } })).toMatchObject(
      failure('identity-unavailable', 'is not a private key'),
    );
  });

  it('is in an agent that does not run', async () => {
    const auth = { kind: 'agent', socket: join(sshd.dir, 'no-agent') } as const;
    expect(await attempt({ auth })).toMatchObject(failure('identity-unavailable', `agent ${auth.socket}`));
  });
});

describe('an agent', () => {
  it('without a key is reported, and one with the key logs in', async () => {
    const socket = join(sshd.dir, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => agent.stdout.once('data', resolve));
    const auth = { kind: 'agent', socket } as const;
    expect(await attempt({ auth })).toMatchObject(failure('identity-unavailable', 'holds no key'));
    execFileSync('ssh-add', ['-q', join(sshd.dir, 'client')], {
      env: { SSH_AUTH_SOCK: socket },
      stdio: 'ignore',
    });
    expect(await attempt({ auth })).toBe('connected');
    agent.kill();
  });
});

describe('ssh-certificate: the failure on a host that requires a certificate', () => {
  let certified: Sshd;
  /** A key that the host accepts only with its certificate. */
  let key: string;
  beforeAll(async () => {
    certified = await startOther();
    const ca = join(certified.dir, 'ca');
    key = join(certified.dir, 'certified');
    await Promise.all([makeKey(ca, 'ed25519'), makeKey(key, 'ed25519')]);
    execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'test', '-n', 'root', `${key}.pub`]);
  });

  it.each([
    [
      'a certificate beside the key',
      { certificate: 'certified-cert.pub' },
      'certified-cert.pub) are not supported',
    ],
    ['no certificate', {}, 'Check target.user'],
  ])('mentions certificates only if there is one: %s', async (_, certificate, advice) => {
    const auth = {
      kind: 'key',
      privateKey: readFileSync(key, 'utf8'),
      source: 'certified',
      ...certificate,
    } as const;
    const refused = await openConnection(certified.target({ auth })).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'auth-failed' });
    expect(`${String(refused)} ${(refused as ChandlerError).advice}`).toContain(advice);
  });

  it('mentions a certificate in an agent', async () => {
    const socket = join(certified.dir, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => agent.stdout.once('data', resolve));
    try {
      execFileSync('ssh-add', ['-q', key], { env: { SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
      await expect(
        openConnection(certified.target({ auth: { kind: 'agent', socket } })),
      ).rejects.toMatchObject(
        failure(
          'auth-failed',
          /certificates \(ssh-ed25519-cert-v01@openssh\.com in .* are not supported/,
          'public key itself',
        ),
      );
    } finally {
      agent.kill();
    }
  });
});

describe('a host without a common algorithm', () => {
  it('is unsupported', async () => {
    const old = await startOther({ config: ['MACs hmac-sha1', 'Ciphers aes128-ctr'] });
    await expect(openConnection(old.target())).rejects.toMatchObject(
      failure('host-unsupported', 'no matching'),
    );
  });
});

describe('a connection', () => {
  it('authenticates only with the public key', async () => {
    const since = sshd.log().length;
    expect(await attempt({})).toBe('connected');
    const tries = [
      ...sshd
        .log()
        .slice(since)
        .matchAll(/userauth-request for user \S+ service \S+ method (\S+)/g),
    ];
    expect(new Set(tries.map(([, method]) => method))).toEqual(new Set(['publickey']));
  });

  it('works through a jump host', async () => {
    const inner = await startOther();
    const jump = await openConnection(sshd.target());
    const channel = await jump.forward('127.0.0.1', inner.port);
    const connection = await openConnection(inner.target(), {}, { via: channel });
    expect(await connection.exec(sh('sh', '-c', 'echo $SSH_CONNECTION'))).toMatchObject({
      stdout: expect.stringContaining(` ${inner.port}\n`) as string,
    });
    const running = connection.exec(sh('sleep', '30'));
    jump.close();
    expect(await running).toMatchObject({ kind: 'lost' });
  });

  it('reports a jump host that cannot reach the target or may not forward', async () => {
    const jump = await openConnection(sshd.target());
    await expect(jump.forward('127.0.0.1', await freePort())).rejects.toMatchObject(
      failure('host-unreachable', '', 'as seen from there'),
    );
    jump.close();
    const closed = await startOther({ config: ['AllowTcpForwarding no'] });
    const strict = await openConnection(closed.target());
    await expect(strict.forward('127.0.0.1', sshd.port)).rejects.toMatchObject(
      failure('host-unsupported', '', 'AllowTcpForwarding'),
    );
    strict.close();
  });

  it('gives up a host that does not answer its jump host within 7 s', async () => {
    // The kernel drops connections to a full queue, as a firewall does.
    const full = spawn('python3', [
      '-uc',
      'import socket; s = socket.create_server(("127.0.0.1", 0), backlog=0); c = socket.create_connection(s.getsockname()); print(s.getsockname()[1]); input()',
    ]);
    const [port] = (await once(full.stdout, 'data')) as [Buffer];
    const jump = await openConnection(sshd.target());
    const begin = performance.now();
    await expect(jump.forward('127.0.0.1', Number(port))).rejects.toMatchObject(
      failure('host-unreachable', 'no answer within 7000 ms', 'as seen from there'),
    );
    expect(performance.now() - begin).toBeLessThan(20_000);
    jump.close();
    full.kill();
  });

  it('survives a rekey', async () => {
    const often = await startOther({ config: ['RekeyLimit 100K'] });
    const connection = await openConnection(often.target());
    for (let i = 0; i < 5; i++) {
      const outcome = await connection.exec(sh('wc', '-c'), { stdin: Buffer.alloc(1_000_000) });
      expect(outcome).toMatchObject({ stdout: '1000000\n' });
    }
    expect([...often.log().matchAll(/SSH2_MSG_NEWKEYS received/g)].length).toBeGreaterThan(3);
    connection.close();
  });

  it('reports once that it is gone', async () => {
    const connection = await openConnection(sshd.target({ port: proxy.port }));
    const reasons: string[] = [];
    connection.onGone((reason) => reasons.push(reason));
    const gone = new Promise<void>((resolve) => connection.onGone(() => resolve()));
    proxy.reset();
    await gone;
    connection.close();
    connection.onGone((reason) => reasons.push(`late: ${reason}`));
    expect(reasons).toHaveLength(2);
    expect(reasons[1]).toBe(`late: ${reasons[0]}`);
  });
});
