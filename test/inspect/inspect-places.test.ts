import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixKeys } from '../../src/cli/doctor/fix-keys.ts';
import type { Places } from '../../src/config/config.ts';
import { inspectNode, inspectPlaces, knownHostsFinding } from '../../src/inspect/inspect-places.ts';
import { isNodeTooOld, versionOfIdentity, workerIdentity } from '../../src/config/version.ts';
import type { Finding } from '../../src/domain/run/finding.ts';

let root: string;
const at = (name: string) => join(root, name);
const KNOWN = 'h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDLm2ZcZJmxQ0YFpqQ5cUqB1iG8GQkyq4dKdEr8gP3Zb';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'chandler-places-'));
  for (const dir of ['keys', 'keys/web', 'none', 'secrets', 'zmx']) mkdirSync(at(dir), { mode: 0o700 });
  const makeKey = (name: string, passphrase = '') =>
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', at(name)]);
  for (const name of ['keys/good', 'keys/loose', 'keys/group', 'keys/web/deep', 'outside']) makeKey(name);
  makeKey('keys/locked', 'secret');
  chmodSync(at('keys/loose'), 0o644);
  chmodSync(at('keys/group'), 0o640);
  writeFileSync(at('keys/broken'), '-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n', { mode: 0o600 });
  writeFileSync(at('keys/config'), 'Host *\n');
  symlinkSync('../outside', at('keys/link'));
  execFileSync('mkfifo', [at('keys/pipe')]);
  writeFileSync(at('secrets/a'), 'x');
  writeFileSync(at('known_hosts'), `${KNOWN}\n`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const inspect = (changes: Partial<Places> = {}, env: Record<string, string> = {}) =>
  inspectPlaces(
    {
      identityDirs: [at('keys')],
      agentSocket: undefined,
      knownHostsFiles: [at('known_hosts')],
      acceptNew: true,
      secretsDir: at('secrets'),
      secretsPrefix: 'P_',
      filesDir: undefined,
      zmxDir: at('zmx'),
      zmxUrls: [],
      ...changes,
    },
    env,
  );
const about = (findings: readonly Finding[], id: string) => findings.filter((finding) => finding.id === id);

describe('the keys of a worker', () => {
  it('are counted, and each unsuitable one is named with the command that fixes it', async () => {
    const findings = await inspect();
    expect(about(findings, 'identities')).toMatchObject([
      { verdict: 'ok', message: '4 private keys that can be used' },
    ]);
    expect(about(findings, 'key').map(({ subject, verdict, fix }) => [subject, verdict, fix])).toEqual([
      [at('keys/broken'), 'warning', `ssh-keygen -y -f ${at('keys/broken')}`],
      [at('keys/group'), 'warning', `chmod go-rwx ${at('keys/group')}`],
      [at('keys/locked'), 'warning', `ssh-add ${at('keys/locked')}`],
      [at('keys/loose'), 'problem', `chmod go-rwx ${at('keys/loose')}`],
    ]);
    expect(about(findings, 'login')).toEqual([]);
  });

  it('are fixed where only their owner should read them; no other file is changed', async () => {
    const mended = await fixKeys(await inspect());
    expect(
      about(mended, 'key').flatMap(({ subject, fixed }) => (fixed === undefined ? [] : [subject])),
    ).toEqual([at('keys/group'), at('keys/loose')]);
    const mode = (name: string) => statSync(at(name)).mode & 0o777;
    expect(['keys/group', 'keys/loose', 'keys/config'].map(mode)).toEqual([0o600, 0o600, 0o644]);
    chmodSync(at('keys/loose'), 0o644);
    chmodSync(at('keys/group'), 0o640);
    // Of a machine elsewhere: the key is not here.
    const elsewhere: Finding = {
      id: 'key',
      subject: at('gone'),
      verdict: 'problem',
      message: 's',
      fix: 'chmod go-rwx gone',
    };
    expect(await fixKeys([elsewhere])).toEqual([elsewhere]);
  });

  it.each<[what: string, dir: string, env: Record<string, string>, verdict: Finding['verdict']]>([
    ['not there, and nobody has named them', 'gone', {}, 'ok'],
    ['not there, though somebody has named them', 'gone', { CHANDLER_IDENTITIES: 'x' }, 'problem'],
    ['no directory', 'known_hosts', {}, 'problem'],
    ['empty', 'none', {}, 'ok'],
  ])('are missed where their directory is %s', async (_, dir, env, verdict) => {
    const findings = await inspect({ identityDirs: [at(dir)] }, env);
    expect(about(findings, 'identities')).toMatchObject([{ verdict }]);
    expect(about(findings, 'login')).toMatchObject([
      { verdict: 'problem', fix: expect.stringContaining('ssh-keygen') as string },
    ]);
  });
});

describe('the agent of a worker', () => {
  it('that does not answer, or answers nonsense, is a problem', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(at('agent'));
    const both = await Promise.all(['gone', 'agent'].map((name) => inspect({ agentSocket: at(name) })));
    server.close();
    for (const findings of both) expect(about(findings, 'agent')).toMatchObject([{ verdict: 'problem' }]);
  });

  it('is asked how many keys it holds', async () => {
    const socket = at('real-agent');
    const pid = /SSH_AGENT_PID=(\d+)/.exec(execFileSync('ssh-agent', ['-a', socket]).toString())?.[1];
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    try {
      expect(about(await inspect({ agentSocket: socket }), 'agent')).toMatchObject([
        { verdict: 'warning', fix: 'ssh-add' },
      ]);
      execFileSync('ssh-add', ['-q', at('keys/good')], { env, stdio: 'ignore' });
      const findings = await inspect({ agentSocket: socket, identityDirs: [at('none')] });
      expect(about(findings, 'agent')).toMatchObject([{ verdict: 'ok' }]);
      expect(about(findings, 'login')).toEqual([]);
    } finally {
      process.kill(Number(pid));
    }
  });
});

describe('known hosts', () => {
  it.each<[what: string, text: string, verdict: Finding['verdict'], message: string]>([
    ['an empty file', '', 'ok', '0 lines, all readable'],
    ['comments and a key', `# x\n\n${KNOWN}\n`, 'ok', '1 line, all readable'],
    [
      'junk',
      `${KNOWN}\nh ssh-ed25519 junk\n\n@what h ssh-rsa x`,
      'warning',
      '1 line readable; skipped as malformed: line 2, 4',
    ],
    [
      'a file of something else',
      'x\n'.repeat(12),
      'warning',
      'line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more',
    ],
  ])('in %s', (_, text, verdict, message) => {
    const finding = knownHostsFinding('/k', text);
    expect(finding).toMatchObject({ verdict, message: expect.stringContaining(message) as string });
  });

  it.each<[what: string, names: string[], verdicts: Finding['verdict'][]]>([
    ['are unknown without any file', ['gone'], ['warning']],
    ['need one file of several', ['gone', 'known_hosts'], ['ok', 'ok']],
    ['are not trusted at all if a file cannot be read', ['known_hosts', 'keys'], ['ok', 'problem']],
  ])('%s', async (_, names, verdicts) => {
    const findings = about(await inspect({ knownHostsFiles: names.map(at) }), 'known-hosts');
    expect(findings.map(({ verdict }) => verdict)).toEqual(verdicts);
  });
});

describe('the directory of secrets', () => {
  it.each<[what: string, dir: string | undefined, mode: number, verdict: Finding['verdict']]>([
    ['that is private', 'secrets', 0o700, 'ok'],
    ['that everybody may look into', 'secrets', 0o755, 'warning'],
    ['that is not there', 'gone', 0o700, 'problem'],
    ['that nobody has named', undefined, 0o700, 'ok'],
  ])('%s', async (_, dir, mode, verdict) => {
    chmodSync(at('secrets'), mode);
    const findings = await inspect({ secretsDir: dir === undefined ? undefined : at(dir) });
    expect(about(findings, 'secrets')).toMatchObject([{ verdict }]);
  });
});

describe('versions', () => {
  it.each<[version: string, tooOld: boolean]>([
    ['v20.19.0', false],
    ['20.18.3', true],
    ['18.20.0', true],
    ['22.0.0', false],
  ])('Node %s', (version, tooOld) => {
    expect(isNodeTooOld(version, '>=20.19')).toBe(tooOld);
    expect(inspectNode(version).verdict).toBe(tooOld ? 'problem' : 'ok');
  });

  it('of a worker are read back from its identity', () => {
    expect(versionOfIdentity(workerIdentity('1.2.3-rc.1', 7, 'web'))).toBe('1.2.3-rc.1');
    expect(versionOfIdentity('7@web')).toBeUndefined();
  });
});
