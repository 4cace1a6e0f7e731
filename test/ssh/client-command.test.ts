import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { render, sh } from '../../src/shell/index.ts';
import { shortSshCommand, sshArguments, type ClientTarget } from '../../src/ssh/client-command.ts';
import { fingerprint } from '../../src/ssh/known-hosts.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';

const web: ClientTarget = {
  host: 'web1',
  port: 2222,
  user: 'deploy',
  identities: { files: ['/keys/id'], agent: 'same' },
  hostKey: { kind: 'known-hosts', files: ['/home/me/.ssh/known_hosts'] },
};
const options = (target: ClientTarget) =>
  sshArguments(target, { tty: false }).filter((_, i, all) => all[i - 1] === '-o');

describe('the ssh command', () => {
  it('contains the settings of the target and ignores all other configuration', () => {
    expect(sshArguments(web, { tty: true, command: "echo 'a'" }).join(' ')).toBe(
      'ssh -F none -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/home/me/.ssh/known_hosts' +
        ' -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o IdentitiesOnly=yes -o IdentityFile=/keys/id' +
        ' -o PreferredAuthentications=publickey -o ConnectTimeout=10 -o ServerAliveInterval=15' +
        " -p 2222 -l deploy -t -- web1 echo 'a'",
    );
  });

  it('gives the jump host its own settings, quoted for the shell that ssh starts', () => {
    const gate: ClientTarget = {
      host: 'gate',
      port: 22,
      user: "o'neill",
      identities: { files: [], agent: 'all' },
      hostKey: { kind: 'pinned', fingerprint: 'SHA256:abc=' },
    };
    const proxy = options({ ...web, host: '::1', jump: gate }).at(-1);
    expect(proxy).toBe(
      'ProxyCommand=ssh -F none -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null' +
        ' -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no' +
        ' -o HostKeyAlgorithms=ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256' +
        ` -o 'KnownHostsCommand=/bin/sh -c '\\''if [ "$1" = SHA256:abc ]; then echo "$2 $3 $4"; fi'\\'' pinned %%f %%H %%t %%K'` +
        ' -o IdentitiesOnly=no -o IdentityFile=none -o PreferredAuthentications=publickey' +
        " -o ConnectTimeout=10 -o ServerAliveInterval=15 -p 22 -l 'o'\\''neill' -W '[::1]:2222' -- gate",
    );
  });

  test.each([
    ['a blank', '/a b/id', 'IdentityFile="/a b/id"'],
    ['a quote and a backslash', '/a"b\\c', 'IdentityFile="/a\\"b\\\\c"'],
    ['a percent sign, which ssh expands', '/a%h', 'IdentityFile=/a%%h'],
    ['a tilde, which ssh expands', '/~', 'IdentityFile="/~"'],
  ])('preserves a path with %s', (_, file, option) => {
    expect(options({ ...web, identities: { files: [file], agent: 'same' } })).toContain(option);
  });

  it('is refused for a path that ssh cannot take literally', () => {
    const hostKey = { kind: 'known-hosts', files: ['/a/${HOME}'] } as const;
    expect(() => sshArguments({ ...web, hostKey }, { tty: false })).toThrow(
      /would expand \$\{ as a variable/,
    );
  });

  it('has a short form that relies on the settings of the user', () => {
    const target = { host: 'web1', port: 2222, jump: [{ host: 'gate', user: 'me' }] };
    expect(render(shortSshCommand(target, { tty: true, command: 'zmx attach a' }))).toBe(
      "ssh -t -J me@gate:22 -p 2222 root@web1 'zmx attach a'",
    );
    expect(render(shortSshCommand({ host: 'web1' }, { tty: false }))).toBe('ssh root@web1');
    const jump = [{ host: 'fe80::1' }];
    expect(render(shortSshCommand({ host: '::1', jump }, { tty: false }))).toBe(
      "ssh -J 'root@[fe80::1]:22' root@::1",
    );
  });

  // -J is a list, and older versions of ssh pass its text to a shell unquoted.
  it.each(['a,b', 'a b', '$(id>pwned)', "o'neill; id>pwned;", '`id>pwned`', '100%h', 'x/y', 'a\\b'])(
    'can be pasted with any user name: %s',
    (user) => {
      const dir = mkdtempSync(join(tmpdir(), 'chandler-paste-'));
      try {
        // Stands in for the ssh that ssh itself starts.
        writeFileSync(join(dir, 'ssh'), '#!/bin/sh\nprintf "%s\\n" "$@" >"$ARGS"\n', { mode: 0o755 });
        const command = render(
          shortSshCommand(
            { host: 'web1', jump: [{ host: 'fe80::1%eth0', port: 2222, user }] },
            { tty: false },
          ),
        );
        const env = {
          PATH: `${dir}:${process.env['PATH']}`,
          SHELL: '/bin/sh',
          ARGS: join(dir, 'args'),
          HOME: dir,
        };
        const real = execFileSync('/bin/sh', ['-c', 'command -v ssh']).toString().trim();
        spawnSync('/bin/sh', ['-c', command.replace(/^ssh /, `${real} -F none `)], { cwd: dir, env });
        expect(readFileSync(join(dir, 'args'), 'utf8').trimEnd().split('\n')).toEqual([
          '-l',
          user,
          '-p',
          '2222',
          '-W',
          '[web1]:22',
          '--',
          'fe80::1%eth0',
        ]);
        expect(readdirSync(dir).toSorted()).toEqual(['args', 'ssh']);
        expect(render(shortSshCommand({ host: 'web1', user }, { tty: false }))).toBe(
          render(sh('ssh', '-l', user, 'web1')),
        );
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
});

describe('the real ssh', () => {
  let server: Sshd;
  let gate: Sshd;
  let dir: string;

  beforeAll(async () => {
    [server, gate] = await Promise.all([startSshd({ hostKeys: ['ed25519', 'ecdsa'] }), startSshd()]);
    // A path that needs quoting at every level.
    dir = mkdtempSync(join(tmpdir(), `chandler's 100%h "ssh" `));
    writeFileSync(join(dir, 'id'), server.clientKey, { mode: 0o600 });
    writeFileSync(join(dir, 'gate'), gate.clientKey, { mode: 0o600 });
    writeFileSync(join(dir, 'known'), readFileSync(server.knownHosts));
  });
  afterAll(async () => {
    await Promise.all([server.stop(), gate.stop()]);
    rmSync(dir, { recursive: true });
  });

  const pin = (of: Sshd, type?: 'ed25519' | 'ecdsa') => ({
    kind: 'pinned' as const,
    fingerprint: fingerprint(Buffer.from(of.hostKey(type).split(' ')[1] ?? '', 'base64')),
  });
  const target = (changes: Partial<ClientTarget> = {}): ClientTarget => ({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    identities: { files: [join(dir, 'id')], agent: 'same' },
    hostKey: { kind: 'known-hosts', files: [join(dir, 'none'), join(dir, 'known')] },
    ...changes,
  });
  const through = (changes: Partial<ClientTarget> = {}) => ({
    jump: target({
      port: gate.port,
      identities: { files: [join(dir, 'gate')], agent: 'same' },
      hostKey: pin(gate),
      ...changes,
    }),
  });
  /** The output of a command that always works, or ssh's error. */
  const connect = (to: ClientTarget): Promise<string> =>
    new Promise((resolve) => {
      const [program = '', ...args] = sshArguments(to, { tty: false, command: 'echo in' });
      const env = { PATH: process.env['PATH'], SHELL: '/bin/sh' };
      execFile(program, args, { env }, (error, stdout, stderr) =>
        resolve(error ? `${error.code}: ${stderr}` : stdout.trim()),
      );
    });
  const REFUSED = /^255: [^]*Host key verification failed|^255: [^]*Connection closed by UNKNOWN port 65535/;

  it('logs in with a known or a pinned host key, directly and through a jump host', async () => {
    expect(await connect(target())).toBe('in');
    expect(await connect(target({ hostKey: pin(server) }))).toBe('in');
    expect(await connect(target(through()))).toBe('in');
    expect(await connect(target({ hostKey: pin(server), ...through() }))).toBe('in');
  });

  it('refuses every other host key, of the target and of the jump host', async () => {
    const wrong = pin(gate);
    expect(await connect(target({ hostKey: wrong }))).toMatch(REFUSED);
    // As in a worker, the key that the host offers first must match.
    expect(await connect(target({ hostKey: pin(server, 'ecdsa') }))).toMatch(REFUSED);
    expect(await connect(target({ hostKey: { kind: 'known-hosts', files: [join(dir, 'none')] } }))).toMatch(
      REFUSED,
    );
    expect(await connect(target(through({ hostKey: pin(server) })))).toMatch(REFUSED);
    expect(
      await connect(target(through({ hostKey: { kind: 'known-hosts', files: [server.knownHosts] } }))),
    ).toMatch(REFUSED);
    expect(await connect(target({ hostKey: wrong, ...through() }))).toMatch(REFUSED);
  });

  it('records a new host key once, and then refuses another one', async () => {
    const file = join(dir, 'new');
    const hostKey = { kind: 'accept-new', files: [file, join(dir, 'none')] } as const;
    expect(await connect(target({ hostKey }))).toBe('in');
    expect(readFileSync(file, 'utf8')).toContain(server.hostKey());
    expect(await connect(target({ hostKey }))).toBe('in');
    const other = join(dir, 'changed');
    appendFileSync(other, `[127.0.0.1]:${server.port} ${gate.hostKey()}\n`);
    expect(await connect(target({ hostKey: { ...hostKey, files: [other] } }))).toMatch(REFUSED);
  });

  it('offers only the keys of the target', async () => {
    const identities = { files: [join(dir, 'gate')], agent: 'same' } as const;
    expect(await connect(target({ identities }))).toMatch(/^255: [^]*Permission denied \(publickey\)/);
    expect(await connect(target({ identities: { files: [], agent: 'all' } }))).toMatch(
      /^255: [^]*Permission denied/,
    );
    const both = [join(dir, 'gate'), join(dir, 'id')];
    expect(await connect(target({ identities: { files: both, agent: 'all' } }))).toBe('in');
  });
});
