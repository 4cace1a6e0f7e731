import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, test } from 'vitest';
import { loadConfig, type Places } from '../../src/config/config.ts';
import { locateTarget, resolveTarget } from '../../src/config/places.ts';
import type { Target } from '../../src/domain/plan/schema.ts';
import { sshArguments } from '../../src/ssh/client-command.ts';
import { checkHostKey } from '../../src/ssh/host-key.ts';

/** A key blob names its type, and holds 32 bytes. */
const key = (byte: number): Buffer =>
  Buffer.concat([
    Buffer.from([0, 0, 0, 11]),
    Buffer.from('ssh-ed25519'),
    Buffer.from([0, 0, 0, 32]),
    Buffer.alloc(32, byte),
  ]);
const line = (host: string, blob: Buffer) => `${host} ssh-ed25519 ${blob.toString('base64')}\n`;
const [REAL, EVIL] = [key(1), key(2)];
const HOST = 'db.internal';

let dir: string;
let places: Places;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'chandler-learned-'));
  writeFileSync(join(dir, 'id'), 'a key');
  const known = join(dir, 'known_hosts');
  places = { ...loadConfig({}).places, identityDirs: [dir], knownHostsFiles: [known] };
  onTestFinished(() => rmSync(dir, { recursive: true }));
});

/** Shows a key to the worker: 'trusted', or the code of the refusal. An accepted one is remembered, as after a handshake. */
async function show(blob: Buffer, target: Partial<Target>): Promise<string> {
  const check = checkHostKey(await resolveTarget({ host: HOST, identity: 'id', ...target }, places));
  let ok = false;
  check.verify(blob, (answer) => (ok = answer));
  if (ok) check.remember();
  return ok ? 'trusted' : (check.refusal()?.code ?? 'nothing');
}
const acceptNew = (jump?: Partial<NonNullable<Target['jump']>[number]>) => ({
  hostKey: 'accept-new' as const,
  ...(jump && { jump: [{ host: 'gate', identity: 'id', ...jump }] }),
});

describe('D2: a host key learned by accept-new', () => {
  it('is valid on its own path only: a key shown through a jump host is not valid on another path', async () => {
    expect(await show(EVIL, acceptNew({ host: 'evil' }))).toBe('trusted');
    expect(await show(REAL, acceptNew())).toBe('trusted');
    expect(await show(REAL, acceptNew({ host: 'gate' }))).toBe('trusted');
    expect(await show(REAL, acceptNew({ host: 'evil' }))).toBe('host-key-mismatch');
    expect(await show(EVIL, acceptNew())).toBe('host-key-mismatch');
    expect(await show(EVIL, acceptNew({ host: 'gate' }))).toBe('host-key-mismatch');
  });

  it('is valid neither for plans that trust known_hosts nor for plain ssh, whose file is not written', async () => {
    expect(await show(EVIL, acceptNew({ host: 'evil' }))).toBe('trusted');
    expect(await show(EVIL, acceptNew())).toBe('trusted');
    expect(await show(EVIL, {})).toBe('host-key-unknown');
    expect(await show(EVIL, { jump: [{ host: 'evil', identity: 'id' }] })).toBe('host-key-unknown');
    expect(existsSync(join(dir, 'known_hosts'))).toBe(false);
    expect(readdirSync(join(dir, 'known_hosts.learned')).map((name) => name.replace(/-\w{12}$/, ''))).toEqual(
      ['direct', 'via-evil'],
    );
    expect(readFileSync(join(dir, 'known_hosts.learned/direct'), 'utf8')).toBe(line(HOST, EVIL));
  });

  test.each<[string, Partial<NonNullable<Target['jump']>[number]>]>([
    ['another port', { port: 2222 }],
    ['another user', { user: 'guest' }],
    ['another proof of its own key', { hostKey: 'accept-new' }],
    ['a name that a file cannot tell apart', { host: 'gate_' }],
  ])('through a jump host with %s belongs to another path', async (_, change) => {
    expect(await show(EVIL, acceptNew({ host: 'gate:', ...change }))).toBe('trusted');
    expect(await show(REAL, acceptNew({ host: 'gate:' }))).toBe('trusted');
  });

  it('belongs to the same path however the jump host is written', async () => {
    expect(await show(REAL, acceptNew({ host: 'gate' }))).toBe('trusted');
    expect(
      await show(EVIL, acceptNew({ host: 'GATE', port: 22, user: 'root', hostKey: 'known_hosts' })),
    ).toBe('host-key-mismatch');
  });

  it("yields to the operator's known_hosts, which is valid on every path", async () => {
    writeFileSync(join(dir, 'known_hosts'), line(HOST, REAL));
    expect(await show(EVIL, acceptNew({ host: 'evil' }))).toBe('host-key-mismatch');
    expect(await show(REAL, acceptNew({ host: 'evil' }))).toBe('trusted');
    expect(existsSync(join(dir, 'known_hosts.learned'))).toBe(false);
    writeFileSync(join(dir, 'known_hosts'), `@revoked ${line(HOST, EVIL)}`);
    expect(await show(EVIL, acceptNew({ host: 'evil' }))).toBe('host-key-mismatch');
  });

  it('is recorded nowhere if known_hosts is /dev/null', async () => {
    places = { ...places, knownHostsFiles: ['/dev/null'] };
    expect(await show(EVIL, acceptNew())).toBe('trusted');
    expect(await show(REAL, acceptNew())).toBe('trusted');
    expect(existsSync('/dev/null.learned')).toBe(false);
  });

  it('is found and recorded by ssh on this machine, for the same path', async () => {
    const located = await locateTarget(
      { host: HOST, identity: 'id', ...acceptNew({ host: 'evil' }) },
      places,
    );
    const options = sshArguments(located, { tty: false });
    expect(options).toContain('StrictHostKeyChecking=accept-new');
    const files = options
      .find((option) => option.startsWith('UserKnownHostsFile='))
      ?.split(/[= ]/)
      .slice(1);
    expect(files).toEqual([
      expect.stringMatching(/known_hosts\.learned\/via-evil-\w{12}$/),
      join(dir, 'known_hosts'),
    ]);
    expect(existsSync(join(dir, 'known_hosts.learned'))).toBe(true);
  });
});

describe('D2: accept-new on a worker whose operator forbids it', () => {
  const forbidden = () => ({
    ...places,
    acceptNew: loadConfig({ CHANDLER_ALLOW_ACCEPT_NEW: 'false' }).places.acceptNew,
  });
  const refusal = {
    code: 'host-key-unknown',
    message: expect.stringMatching(
      /^hostKey: accept-new of (db\.internal|gate) is forbidden on this worker \(CHANDLER_ALLOW_ACCEPT_NEW=false\)$/,
    ) as string,
    advice: expect.stringContaining('or pin it with hostKey: SHA256:') as string,
  };
  const targets: [string, Target][] = [
    ['of the host', { host: HOST, identity: 'id', ...acceptNew() }],
    ['of a host behind a jump host', { host: HOST, identity: 'id', ...acceptNew({}) }],
    [
      'of the jump host',
      { host: HOST, identity: 'id', jump: [{ host: 'gate', identity: 'id', hostKey: 'accept-new' }] },
    ],
  ];

  it.each(targets)(
    'is refused with the reason and what to do, by worker and ssh alike: %s',
    async (_, target) => {
      await expect(resolveTarget(target, forbidden())).rejects.toMatchObject(refusal);
      await expect(locateTarget(target, forbidden())).rejects.toMatchObject(refusal);
      expect(existsSync(join(dir, 'known_hosts.learned'))).toBe(false);
    },
  );

  it('is refused even with a key that was learned before', async () => {
    expect(await show(REAL, acceptNew())).toBe('trusted');
    places = forbidden();
    await expect(show(REAL, acceptNew())).rejects.toMatchObject(refusal);
  });
});
