import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHmac } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openConnection } from '../../src/ssh/connection.ts';
import { checkHostKey } from '../../src/ssh/host-key.ts';
import { fingerprint } from '../../src/ssh/known-hosts.ts';
import type { HostKeyPolicy } from '../../src/ssh/resolved-target.ts';
import { sh } from '../../src/shell/index.ts';
import { makeKey, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

let sshd: Sshd;
let dir: string;
let otherKey: string;
let count = 0;

beforeAll(async () => {
  sshd = await startSshd({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
  dir = mkdtempSync(join(tmpdir(), 'chandler-known-'));
  await makeKey(join(dir, 'other'), 'ed25519');
  otherKey = readFileSync(join(dir, 'other.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
});
afterAll(async () => {
  await sshd.stop();
  rmSync(dir, { recursive: true });
});

const name = (): string => `[127.0.0.1]:${sshd.port}`;
const blob = (type?: 'ed25519' | 'rsa' | 'ecdsa'): Buffer =>
  Buffer.from(sshd.hostKey(type).split(' ')[1] ?? '', 'base64');

function knownHosts(text: string): HostKeyPolicy & { files: string[] } {
  const file = join(dir, `known-${count++}`);
  writeFileSync(file, text);
  return { kind: 'known-hosts', files: [file] };
}

/** Connects. Returns the code 'ok' or the failure. */
async function attempt(hostKey: HostKeyPolicy): Promise<{ code: string; message: string; advice: string }> {
  try {
    const connection = await openConnection(sshd.target({ hostKey }));
    const outcome = await connection.exec(sh('true'));
    connection.close();
    const code = outcome.kind === 'exited' && outcome.code === 0 ? 'ok' : outcome.kind;
    return { code, message: '', advice: '' };
  } catch (error) {
    return error as { code: string; message: string; advice: string };
  }
}

describe('a refused host key', () => {
  const cases: [string, () => HostKeyPolicy, string, RegExp][] = [
    [
      'unknown',
      () => knownHosts(''),
      'host-key-unknown',
      /ssh-ed25519 key SHA256:\S+; it is recorded nowhere .*printf/,
    ],
    [
      'unknown, since the file is missing',
      () => ({ kind: 'known-hosts', files: [join(dir, 'missing')] }),
      'host-key-unknown',
      /missing/,
    ],
    [
      'changed',
      () => knownHosts(`# c\n${name()} ${otherKey}\n`),
      'host-key-mismatch',
      /line 2 records a different key.*ssh-keygen -R/,
    ],
    [
      'changed, in a hashed line',
      () => knownHosts(`${hashed(name())} ${otherKey}\n`),
      'host-key-mismatch',
      /line 1/,
    ],
    [
      'revoked',
      () => knownHosts(`${name()} ${sshd.hostKey()}\n@revoked * ${sshd.hostKey()}\n`),
      'host-key-mismatch',
      /line 2 revokes/,
    ],
    [
      'known by a certificate authority only',
      () => knownHosts(`@cert-authority * ${sshd.hostKey()}\n`),
      'host-key-unknown',
      /certificates/,
    ],
    [
      'not the pinned one',
      () => ({ kind: 'pinned', fingerprint: fingerprint(Buffer.from('x')) }),
      'host-key-mismatch',
      /is pinned/,
    ],
    ['not the empty pin', () => ({ kind: 'pinned', fingerprint: '' }), 'host-key-mismatch', /is pinned/],
    [
      'changed, under accept-new',
      () => ({ ...knownHosts(`${name()} ${otherKey}\n`), kind: 'accept-new' }),
      'host-key-mismatch',
      /line 1/,
    ],
  ];

  it.each(cases)('stops the connection before the login: %s', async (_, policy, code, message) => {
    const before = sshd.log().length;
    const failure = await attempt(policy());
    expect(failure.code).toBe(code);
    expect(`${failure.message} ${failure.advice}`).toMatch(message);
    expect(failure.message).toContain(`root@127.0.0.1:${sshd.port}: `);
    await sshd.logged(/Connection (closed|reset)|Received disconnect/, before);
    const log = sshd.log().slice(before);
    expect(log).toContain('SSH2_MSG_KEXINIT sent');
    expect(log).not.toMatch(/userauth|Accepted|Failed|Starting session/i);
  });

  it('every key is refused if a known_hosts file cannot be read', async () => {
    const failure = await attempt({ kind: 'known-hosts', files: [sshd.knownHosts, dir] });
    expect(failure.code).toBe('host-key-unknown');
    expect(failure.message).toContain(`${dir} cannot be read`);
  });
});

describe('an allowed host key', () => {
  it.each<[string, () => HostKeyPolicy]>([
    ['recorded', () => knownHosts(`${name()} ${sshd.hostKey()}\n`)],
    [
      'recorded in the second file',
      () => ({ kind: 'known-hosts', files: [...knownHosts('').files, sshd.knownHosts] }),
    ],
    ['hashed', () => knownHosts(`${hashed(name())} ${sshd.hostKey()}\n`)],
    ['pinned', () => ({ kind: 'pinned', fingerprint: fingerprint(blob()) })],
    ['pinned with padding', () => ({ kind: 'pinned', fingerprint: `${fingerprint(blob())}=` })],
    ['of a type that the host does not offer first', () => knownHosts(`${name()} ${sshd.hostKey('rsa')}\n`)],
    ['of a third type', () => knownHosts(`${name()} ${sshd.hostKey('ecdsa')}\n`)],
  ])('may be %s', async (_, policy) => {
    expect(await attempt(policy())).toMatchObject({ code: 'ok' });
  });
});

describe('accept-new', () => {
  it('records a new key once, in a private file of a private directory', async () => {
    const file = join(dir, 'new', 'known_hosts');
    const policy: HostKeyPolicy = { kind: 'accept-new', files: [file] };
    const all = await Promise.all([1, 2, 3, 4].map(async () => attempt(policy)));
    expect(all.map(({ code }) => code)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(readFileSync(file, 'utf8')).toBe(`${name()} ${sshd.hostKey()}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'new')).mode & 0o777).toBe(0o700);
    expect(await attempt({ kind: 'known-hosts', files: [file] })).toMatchObject({ code: 'ok' });
  });

  it('starts a new line in a file that ends without a line end', async () => {
    const policy = { ...knownHosts(`other ${otherKey}`), kind: 'accept-new' as const };
    expect(await attempt(policy)).toMatchObject({ code: 'ok' });
    expect(readFileSync(policy.files[0] ?? '', 'utf8')).toBe(
      `other ${otherKey}\n${name()} ${sshd.hostKey()}\n`,
    );
  });

  it('records nothing before the handshake', () => {
    const file = join(dir, 'not-yet');
    const check = checkHostKey(sshd.target({ hostKey: { kind: 'accept-new', files: [file] } }));
    const answers: boolean[] = [];
    check.verify(blob(), (ok) => answers.push(ok));
    expect(answers).toEqual([true]);
    expect(existsSync(file)).toBe(false);
  });

  it('refuses a key if another one was recorded meanwhile', () => {
    const file = join(dir, 'meanwhile');
    const check = checkHostKey(sshd.target({ hostKey: { kind: 'accept-new', files: [file] } }));
    check.verify(blob(), () => undefined);
    appendFileSync(file, `${name()} ${otherKey}\n`);
    expect(() => check.remember()).toThrow(expect.objectContaining({ code: 'host-key-mismatch' }));
  });

  it('refuses a host whose key cannot be recorded', async () => {
    const failure = await attempt({ kind: 'accept-new', files: ['/proc/chandler/known_hosts'] });
    expect(failure.code).toBe('host-key-unknown');
    expect(failure.message).toContain('could not be recorded in /proc/chandler/known_hosts');
  });

  it('records no name that matches other hosts', () => {
    const hostKey = { kind: 'accept-new', files: [join(dir, 'names')] } as const;
    for (const host of ['*', 'a b', 'a,b', 'a\n*', '!a']) {
      const check = checkHostKey(sshd.target({ hostKey, host }));
      check.verify(blob(), () => undefined);
      expect(() => check.remember()).toThrow('not a host name that can be recorded');
    }
    expect(existsSync(join(dir, 'names'))).toBe(false);
  });
});

describe('the host key verifier', () => {
  it('refuses a key that it cannot parse, and calls back exactly once', () => {
    const hostKey: HostKeyPolicy = { kind: 'pinned', fingerprint: fingerprint(blob()) };
    const check = checkHostKey(sshd.target({ hostKey }));
    const answers: boolean[] = [];
    check.verify(undefined as unknown as Buffer, (ok) => answers.push(ok));
    expect(answers).toEqual([false]);
    expect(check.refusal()?.code).toBe('host-key-unknown');
  });

  it('refuses anything but a key', () => {
    for (const junk of [
      Buffer.alloc(0),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0]),
      Buffer.from('ssh-ed25519'),
    ]) {
      const check = checkHostKey(sshd.target());
      const answers: boolean[] = [];
      check.verify(junk, (ok) => answers.push(ok));
      expect(answers).toEqual([false]);
    }
  });

  it('accepts no other key during a rekey, not even a recorded one', () => {
    const hostKey = knownHosts(`${name()} ${sshd.hostKey()}\n${name()} ${sshd.hostKey('rsa')}\n`);
    const check = checkHostKey(sshd.target({ hostKey }));
    const answers: boolean[] = [];
    for (const key of [blob(), blob(), blob('rsa')]) check.verify(key, (ok) => answers.push(ok));
    expect(answers).toEqual([true, true, false]);
  });
});

describe('checkHostKey', () => {
  it('prefers the recorded key types and never offers SHA-1', () => {
    const hostKey = knownHosts(`${name()} ${sshd.hostKey('rsa')}\n`);
    expect(checkHostKey(sshd.target({ hostKey })).algorithms).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
    ]);
  });

  it('reports the file that it cannot read', () => {
    const target = sshd.target({ hostKey: { kind: 'accept-new', files: [dir] } });
    expect(() => checkHostKey(target)).toThrow(`${dir} cannot be read`);
  });
});

function hashed(host: string): string {
  const salt = Buffer.from('0123456789abcdefghij');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(host).digest('base64')}`;
}
