import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { loadConfig, type Places } from '../../src/config/config.ts';
import { inspectPlaces } from '../../src/inspect/inspect-places.ts';
import {
  locateTarget,
  readWorkerFile,
  readZmxFile,
  resolveSecrets,
  resolveTarget,
} from '../../src/config/places.ts';

const VALUE = 'hunter2-the-value';
let root: string;
let places: Places;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'chandler-places-'));
  for (const dir of ['keys', 'more-keys', 'vault', 'vault/sub', 'zmx']) mkdirSync(join(root, dir));
  const files = {
    'keys/id_rsa': 'rsa',
    'keys/deploy': 'deploy key',
    'keys/signed': 'signed key',
    'keys/signed-cert.pub': 'certificate',
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

  it('is found in a directory that is a symbolic link', async () => {
    expect(await secretOf('file:token', { secretsDir: join(root, 'linked-vault') })).toBe(VALUE);
  });

  it('of the environment is not read by a worker without a prefix, and the advice is that of its places', async () => {
    const advice = {
      'secret-unavailable': 'Start it with --secrets.',
      'identity-unavailable': 'Or --identities.',
    };
    const closed = { ...places, secretsPrefix: undefined, secretsDir: undefined, identityDirs: [], advice };
    for (const reference of ['env:T', 'env:', 'file:token'])
      await expect(
        resolveSecrets({ S: reference }, closed, { T: VALUE, CHANDLER_SECRET_T: VALUE, undefinedT: VALUE }),
      ).rejects.toMatchObject({ code: 'secret-unavailable', advice: 'Start it with --secrets.' });
    for (const identity of [undefined, 'deploy', 'agent'])
      await expect(resolveTarget({ host: 'h', ...(identity && { identity }) }, closed)).rejects.toMatchObject(
        {
          code: 'identity-unavailable',
          advice: 'Or --identities.',
        },
      );
  });

  it('env:NAME is the variable with the prefix and NAME only', async () => {
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
  ])('file:%s does not lead out of the directory', async (name) => {
    expect(await refusal(`file:${name}`)).toBe(`${name}: not a file in ROOT/vault (CHANDLER_SECRETS_DIR)`);
  });

  it('is not read by an absolute path, unless that is inside', async () => {
    expect(await refusal(`file:${root}/outside`)).toContain('not a file in');
    expect(await secretOf(`file:${root}/vault/token`)).toBe(VALUE);
  });

  it('needs a directory that is set and exists', async () => {
    expect(await refusal('file:token', { secretsDir: undefined })).toBe(
      'token: CHANDLER_SECRETS_DIR is not set',
    );
    expect(await refusal('file:token', { secretsDir: join(root, 'gone') })).toBe(
      'token: not a file in ROOT/gone (CHANDLER_SECRETS_DIR)',
    );
  });

  it('is neither a directory nor a text that no variable can hold', async () => {
    expect(await refusal('file:sub')).toBe('cannot read sub: it is a directory, not a regular file');
    expect(await refusal('file:binary')).toBe('file:binary contains a NUL byte, which no variable can hold');
  });
});

describe('a target', () => {
  it('ssh-certificate: notes a certificate that lies beside the key', async () => {
    expect((await resolveTarget({ host: 'h', identity: 'signed' }, places)).auth).toEqual({
      kind: 'key',
      privateKey: 'signed key',
      source: 'signed',
      certificate: 'signed-cert.pub',
    });
  });

  it('gets its defaults and the key it names', async () => {
    expect(await resolveTarget({ host: 'web1', identity: 'deploy' }, places)).toEqual({
      host: 'web1',
      port: 22,
      user: 'root',
      auth: { kind: 'key', privateKey: 'deploy key', source: 'deploy' },
      hostKey: { kind: 'known-hosts', files: ['/kh'] },
    });
  });

  it('is resolved with its jump host', async () => {
    const fingerprint = `SHA256:${'A'.repeat(43)}`;
    const jump = {
      host: 'bastion',
      port: 2222,
      user: 'jane',
      identity: 'other',
      hostKey: 'accept-new' as const,
    };
    const target = { host: 'db1', identity: 'agent', hostKey: fingerprint, jump: [jump] };
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
        hostKey: { kind: 'accept-new', files: ['/kh.learned/direct', '/kh'] },
      },
    });
  });

  it('without an identity uses the agent, otherwise the first default key', async () => {
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

  it('without any key fails with the places that were searched', async () => {
    await expect(
      resolveTarget({ host: 'h' }, { ...places, identityDirs: [join(root, 'vault')] }),
    ).rejects.toThrow(
      /names no identity, there is no agent, and none of id_ed25519, id_ecdsa, id_rsa is in .*vault$/,
    );
  });
});

describe('D7: a file that is not regular is refused at once', () => {
  const dir = () => join(root, 'odd');
  let server: Server;
  beforeAll(async () => {
    mkdirSync(dir());
    execFileSync('mkfifo', [join(dir(), 'pipe')]);
    symlinkSync('pipe', join(dir(), 'to-pipe'));
    symlinkSync('loop', join(dir(), 'loop'));
    symlinkSync('/dev/zero', join(dir(), 'device'));
    mkdirSync(join(dir(), 'directory'));
    writeFileSync(join(dir(), 'huge'), '');
    truncateSync(join(dir(), 'huge'), 200 * 1024 ** 3);
    writeFileSync(join(dir(), 'good'), VALUE);
    server = createServer().listen(join(dir(), 'socket'));
    await once(server, 'listening');
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const readers = {
    secret: () => (name: string) => secretOf(`file:${name}`, { secretsDir: dir() }),
    identity: () => (name: string) =>
      resolveTarget({ host: 'h', identity: name }, { ...places, identityDirs: [dir()] }),
    'identity of ssh on this machine': () => (name: string) =>
      locateTarget({ host: 'h', identity: name }, { ...places, identityDirs: [dir()] }),
    'zmx binary': () => (name: string) => readZmxFile(name, { ...places, zmxDir: dir() }),
  };
  const reasons = {
    pipe: 'it is a pipe, not a regular file',
    'to-pipe': 'it is a pipe, not a regular file',
    socket: 'it is a socket, not a regular file',
    directory: 'it is a directory, not a regular file',
    loop: 'not a file in',
    device: 'not a file in',
  };

  test.each(Object.keys(readers) as (keyof typeof readers)[])('as a %s', async (what) => {
    const read = readers[what]();
    // More at once than Node has file threads.
    for (const [name, reason] of Object.entries(reasons))
      await Promise.all(Array.from({ length: 10 }, () => expect(read(name)).rejects.toThrow(reason)));
    await expect(read('good')).resolves.toBeDefined();
  });

  it('an endless file is not read to its end', async () => {
    await expect(readers.secret()('huge')).rejects.toThrow(
      'cannot read huge: it is larger than 131072 bytes',
    );
    await expect(readers.identity()('huge')).rejects.toThrow(
      'cannot read huge: it is larger than 65536 bytes',
    );
    await expect(readers['zmx binary']()('huge')).rejects.toThrow('it is larger than 67108864 bytes');
  });

  it('the inspection of the places skips it', async () => {
    const odd = {
      ...places,
      identityDirs: [dir()],
      knownHostsFiles: [join(dir(), 'pipe')],
      secretsDir: dir(),
    };
    const findings = await inspectPlaces(odd, {});
    expect(findings.filter(({ id }) => id === 'known-hosts')).toMatchObject([
      { verdict: 'problem', message: 'cannot be read (it is not a regular file), so no host is trusted' },
    ]);
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

  it('is refused with a key outside the places, a missing agent, or no key', async () => {
    const refused = { code: 'identity-unavailable' };
    await expect(locate({ identity: '../outside' })).rejects.toMatchObject(refused);
    await expect(locate({ identity: 'agent' })).rejects.toMatchObject(refused);
    await expect(locate({}, { identityDirs: [join(root, 'vault')] })).rejects.toMatchObject(refused);
  });

  it('has separate options for its jump host, and absolute paths', async () => {
    const jump = { host: 'gate', port: 2222, user: 'me', identity: 'deploy', hostKey: 'SHA256:abc' };
    const located = await locate({ jump: [jump], identity: 'other' }, { knownHostsFiles: ['known'] });
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

describe('a secret that is the content of a file', () => {
  const contentOf = async (reference: string) =>
    (await resolveSecrets({ CHANDLER_FILE_0: reference }, places, { CHANDLER_SECRET_S: 'x\n' }))[
      'CHANDLER_FILE_0'
    ];

  test.each([
    ['file:token', `${VALUE}\n`],
    ['file:windows', 'line\r\n'],
    ['env:S', 'x\n'],
  ])('%s is exact, its last line end included', async (reference, expected) => {
    expect(await contentOf(reference)).toBe(expected);
  });

  test('must be UTF-8 text without NUL', async () => {
    writeFileSync(join(root, 'vault/latin1'), Buffer.from([0xe9, 0x0a]));
    await expect(contentOf('file:latin1')).rejects.toThrow('file:latin1 is not UTF-8 text');
    await expect(contentOf('file:binary')).rejects.toThrow('file:binary contains a NUL byte');
  });
});

describe('a file of the worker', () => {
  const read = (name: string, changes: Partial<Places> = {}) =>
    readWorkerFile(name, { ...places, filesDir: join(root, 'vault'), ...changes });

  test('is read as it is, also through a link inside of the directory', async () => {
    expect(await read('binary')).toEqual(Buffer.from('a\0b'));
    expect(String(await read('in'))).toBe('deep');
  });

  test.each(['../outside', 'out', 'up/outside', 'sub/../../outside', 'sub', 'none', '/etc/passwd', '', '.'])(
    'cannot be %j',
    async (name) => {
      await expect(read(name)).rejects.toMatchObject({ code: 'file-unavailable' });
    },
  );

  test('needs a directory', async () => {
    await expect(read('token', { filesDir: undefined })).rejects.toThrow('CHANDLER_FILES_DIR is not set');
  });
});
