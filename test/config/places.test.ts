import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { loadConfig, type Places } from '../../src/config/config.ts';
import { locateTarget, readZmxFile, resolveSecrets, resolveTarget } from '../../src/config/places.ts';

const VALUE = 'hunter2-the-value';
let root: string;
let places: Places;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'chandler-places-'));
  for (const dir of ['keys', 'more-keys', 'vault', 'vault/sub', 'zmx']) mkdirSync(join(root, dir));
  const files = {
    'keys/id_rsa': 'rsa',
    'keys/deploy': 'deploy key',
    'more-keys/other': 'other key',
    'vault/token': `${VALUE}\n`,
    'vault/windows': 'line\r\n',
    'vault/spaces': ' two \n\n',
    'vault/sub/deep': 'deep',
    'vault/binary': 'a\0b',
    'vault-next-door': VALUE,
    outside: VALUE,
    'zmx/zmx': 'binary',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  symlinkSync('../outside', join(root, 'vault/out'));
  symlinkSync('..', join(root, 'vault/up'));
  symlinkSync('sub/deep', join(root, 'vault/in'));
  symlinkSync(join(root, 'vault'), join(root, 'linked-vault'));
  const none = loadConfig({}).places;
  places = {
    ...none,
    identityDirs: [join(root, 'keys'), join(root, 'more-keys')],
    knownHostsFiles: ['/kh'],
    secretsDir: join(root, 'vault'),
    zmxDir: join(root, 'zmx'),
  };
});
afterAll(() => rmSync(root, { recursive: true }));

const secretOf = async (reference: string, changes: Partial<Places> = {}, env = {}) =>
  (await resolveSecrets({ S: reference }, { ...places, ...changes }, env))['S'];
const refusal = async (reference: string, changes: Partial<Places> = {}, env = {}) => {
  const error: unknown = await secretOf(reference, changes, env).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'secret-unavailable' });
  const text = `${String(error)} ${JSON.stringify(error)}`;
  expect(text).not.toContain(VALUE);
  return (error as Error).message.replaceAll(root, 'ROOT');
};

describe('a secret', () => {
  test.each([
    ['file:token', VALUE],
    ['file:windows', 'line'],
    ['file:spaces', ' two \n'],
    ['file:sub/deep', 'deep'],
    ['file:in', 'deep'],
  ])('%s is the content of a file, without the last line end', async (reference, value) => {
    expect(await secretOf(reference)).toBe(value);
  });

  it('is found in a directory that is itself a link', async () => {
    expect(await secretOf('file:token', { secretsDir: join(root, 'linked-vault') })).toBe(VALUE);
  });

  it('env:NAME is the variable of the prefix and NAME, and no other', async () => {
    const env = { CHANDLER_SECRET_T: VALUE, T: 'other', X_T: 'x' };
    expect(await secretOf('env:T', {}, env)).toBe(VALUE);
    expect(await secretOf('env:T', { secretsPrefix: 'X_' }, env)).toBe('x');
    expect(await refusal('env:U', {}, env)).toBe('the worker has no variable CHANDLER_SECRET_U');
    expect(await refusal('env:toString', {}, env)).toBe(
      'the worker has no variable CHANDLER_SECRET_toString',
    );
  });

  test.each([
    '../outside',
    'sub/../../outside',
    'out',
    'up/outside',
    '../vault-next-door',
    '.',
    '',
    'missing',
    'token/',
  ])('file:%s leads nowhere out of the directory', async (name) => {
    expect(await refusal(`file:${name}`)).toBe(`${name}: not a file in ROOT/vault (CHANDLER_SECRETS_DIR)`);
  });

  it('is not read by an absolute path, unless that is inside', async () => {
    expect(await refusal(`file:${root}/outside`)).toContain('not a file in');
    expect(await secretOf(`file:${root}/vault/token`)).toBe(VALUE);
  });

  it('needs a directory that is named and there', async () => {
    expect(await refusal('file:token', { secretsDir: undefined })).toBe(
      'token: CHANDLER_SECRETS_DIR is not set',
    );
    expect(await refusal('file:token', { secretsDir: join(root, 'gone') })).toBe(
      'token: not a file in ROOT/gone (CHANDLER_SECRETS_DIR)',
    );
  });

  it('is neither a directory nor what no variable can hold', async () => {
    expect(await refusal('file:sub')).toMatch(/^cannot read sub: EISDIR/);
    expect(await refusal('file:binary')).toBe('file:binary holds a NUL byte, which no variable can hold');
  });
});

describe('a target', () => {
  it('gets its defaults and the key it names', async () => {
    expect(await resolveTarget({ host: 'web1', identity: 'deploy' }, places)).toEqual({
      host: 'web1',
      port: 22,
      user: 'root',
      auth: { kind: 'key', privateKey: 'deploy key', source: 'deploy' },
      hostKey: { kind: 'known-hosts', files: ['/kh'] },
    });
  });

  it('is resolved with the host it goes through', async () => {
    const fingerprint = `SHA256:${'A'.repeat(43)}`;
    const jump = {
      host: 'bastion',
      port: 2222,
      user: 'jane',
      identity: 'other',
      hostKey: 'accept-new' as const,
    };
    const target = { host: 'db1', identity: 'agent', hostKey: fingerprint, jump };
    expect(await resolveTarget(target, { ...places, agentSocket: '/agent' })).toEqual({
      host: 'db1',
      port: 22,
      user: 'root',
      auth: { kind: 'agent', socket: '/agent' },
      hostKey: { kind: 'pinned', fingerprint },
      jump: {
        host: 'bastion',
        port: 2222,
        user: 'jane',
        auth: { kind: 'key', privateKey: 'other key', source: 'other' },
        hostKey: { kind: 'accept-new', files: ['/kh'] },
      },
    });
  });

  it('without an identity uses the agent, else the first usual key', async () => {
    expect((await resolveTarget({ host: 'h' }, { ...places, agentSocket: '/agent' })).auth).toEqual({
      kind: 'agent',
      socket: '/agent',
    });
    expect((await resolveTarget({ host: 'h' }, places)).auth).toMatchObject({ source: 'id_rsa' });
  });

  test.each([
    ['agent', 'the worker has no ssh-agent (SSH_AUTH_SOCK is not set)'],
    ['../outside', '../outside: not a file in ROOT/keys, ROOT/more-keys (CHANDLER_IDENTITIES)'],
    ['/etc/passwd', '/etc/passwd: not a file in ROOT/keys, ROOT/more-keys (CHANDLER_IDENTITIES)'],
    ['missing', 'missing: not a file in ROOT/keys, ROOT/more-keys (CHANDLER_IDENTITIES)'],
  ])('does not get the identity %s', async (identity, message) => {
    const error: unknown = await resolveTarget({ host: 'h', identity }, places).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'identity-unavailable' });
    expect((error as Error).message.replaceAll(root, 'ROOT')).toBe(message);
  });

  it('says where it looked when there is no key at all', async () => {
    await expect(
      resolveTarget({ host: 'h' }, { ...places, identityDirs: [join(root, 'vault')] }),
    ).rejects.toThrow(
      /names no identity, there is no agent, and none of id_ed25519, id_ecdsa, id_rsa is in .*vault$/,
    );
  });
});

describe('a zmx binary', () => {
  it('comes from its directory only', async () => {
    expect(Buffer.from(await readZmxFile('zmx', places)).toString()).toBe('binary');
    await expect(readZmxFile('../outside', places)).rejects.toMatchObject({ code: 'zmx-unavailable' });
    await expect(readZmxFile('zmx', { ...places, zmxDir: undefined })).rejects.toThrow(
      'CHANDLER_ZMX_DIR is not set',
    );
  });
});

describe('a target for ssh on this machine', () => {
  const locate = (target: Partial<Parameters<typeof locateTarget>[0]>, changes: Partial<Places> = {}) =>
    locateTarget({ host: 'web1', ...target }, { ...places, agentSocket: undefined, ...changes });

  test.each([
    ['names its key', 'deploy', undefined, { files: ['keys/deploy'], agent: 'same' }],
    ['names one in the second directory', 'other', '/agent', { files: ['more-keys/other'], agent: 'same' }],
    ['wants the agent', 'agent', '/agent', { files: [], agent: 'all' }],
    ['leaves it open', undefined, undefined, { files: ['keys/id_rsa'], agent: 'all' }],
    ['leaves it open, with an agent', undefined, '/agent', { files: ['keys/id_rsa'], agent: 'all' }],
  ])('%s', async (_, identity, agentSocket, { files, agent }) => {
    const { identities } = await locate({ ...(identity !== undefined && { identity }) }, { agentSocket });
    expect(identities).toEqual({ files: files.map((file) => join(root, file)), agent });
  });

  it('is refused a key outside the places, an agent that is not there, and nothing at all', async () => {
    const refused = { code: 'identity-unavailable' };
    await expect(locate({ identity: '../outside' })).rejects.toMatchObject(refused);
    await expect(locate({ identity: 'agent' })).rejects.toMatchObject(refused);
    await expect(locate({}, { identityDirs: [join(root, 'vault')] })).rejects.toMatchObject(refused);
  });

  it('keeps what its jump host says apart, and means its files wherever the command is run', async () => {
    const jump = { host: 'gate', port: 2222, user: 'me', identity: 'deploy', hostKey: 'SHA256:abc' };
    const located = await locate({ jump, identity: 'other' }, { knownHostsFiles: ['known'] });
    expect(located).toEqual({
      host: 'web1',
      port: 22,
      user: 'root',
      identities: { files: [join(root, 'more-keys/other')], agent: 'same' },
      hostKey: { kind: 'known-hosts', files: [resolve('known')] },
      jump: {
        host: 'gate',
        port: 2222,
        user: 'me',
        identities: { files: [join(root, 'keys/deploy')], agent: 'same' },
        hostKey: { kind: 'pinned', fingerprint: 'SHA256:abc' },
      },
    });
  });
});
