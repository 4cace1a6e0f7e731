import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { reachTargets } from '../../../src/cli/hosts/reach-targets.ts';
import type { Target } from '../../../src/domain/plan/schema.ts';
import { parseSshSettings } from '../../../src/domain/hosts/ssh-settings.ts';
import { fakeContext } from '../fake-context.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'chandler-ssh-config-'));
  mkdirSync(join(dir, 'more'));
  writeFileSync(join(dir, 'more/included'), 'Host inc*\n  Port 2299\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

const contextWith = (path = '') => ({
  ...fakeContext(),
  env: { PATH: path },
  verbosity: 'normal' as const,
});

/** Resolves a target by a configuration. Returns it with what was printed on standard error. */
async function reach(config: string, target: Target, options: { sshConfig?: string | false } = {}) {
  const file = join(dir, 'config');
  writeFileSync(file, config.replaceAll('DIR', dir));
  const context = contextWith(process.env['PATH']);
  const [reached] = await reachTargets([target], { sshConfig: file, ...options }, context);
  return { reached, printed: context.output() };
}

const LOCAL = userInfo().username;
const GATE = 'Host gate\n  HostName gate.example.org\n  User jump\n  Port 2200\n';

/** The configuration, the host, and the target that it means. */
const CONFIGS: readonly (readonly [what: string, config: string, host: string, target: Target])[] = [
  ['nothing', '', 'web1', { host: 'web1' }],
  ['no such host', 'Host other\n  Port 1\n', 'web1', { host: 'web1' }],
  ['an alias', 'Host web1\n  HostName 10.0.0.7\n', 'web1', { host: '10.0.0.7' }],
  [
    'a port and a user',
    'Host web1\n  Port 2222\n  User deploy\n',
    'web1',
    { host: 'web1', port: 2222, user: 'deploy' },
  ],
  ['the name of the local user', `Host web1\n  User ${LOCAL}\n`, 'web1', { host: 'web1', user: LOCAL }],
  ['a wildcard', 'Host *.example.org\n  User w\n', 'a.example.org', { host: 'a.example.org', user: 'w' }],
  ['a negated pattern', 'Host !web1 *\n  User w\n', 'web1', { host: 'web1' }],
  ['several patterns', 'Host db1 web?\n  Port 23\n', 'web1', { host: 'web1', port: 23 }],
  [
    'the first value of several',
    'Host web1\n  Port 23\nHost *\n  Port 24\n  User u\n',
    'web1',
    { host: 'web1', port: 23, user: 'u' },
  ],
  ['the token of the name', 'Host web1\n  HostName %h.internal\n', 'web1', { host: 'web1.internal' }],
  ['an upper case name', 'Host web1\n  Port 23\n', 'WEB1', { host: 'WEB1' }],
  [
    'an equals sign and quotes',
    'Host = "web1"\n  HostName="10.0.0.8"\n  Port=24\n',
    'web1',
    { host: '10.0.0.8', port: 24 },
  ],
  [
    'an included file',
    'Include DIR/more/*\nHost *\n  User x\n',
    'inc1',
    { host: 'inc1', port: 2299, user: 'x' },
  ],
  ['Match host', 'Match host web1\n  User m\n', 'web1', { host: 'web1', user: 'm' }],
  ['Match exec', 'Match host web* exec "test %h = web1"\n  User m\n', 'web1', { host: 'web1', user: 'm' }],
  ['Match exec that fails', 'Match exec false\n  User m\n', 'web1', { host: 'web1' }],
  ['a key', 'Host web1\n  IdentityFile ~/.ssh/id_web\n', 'web1', { host: 'web1', identity: 'id_web' }],
  ['an IPv6 address', 'Host six\n  HostName 2001:db8::1\n', 'six', { host: '2001:db8::1' }],
  [
    'a jump host',
    `${GATE}Host web1\n  ProxyJump gate\n`,
    'web1',
    { host: 'web1', jump: [{ host: 'gate.example.org', port: 2200, user: 'jump' }] },
  ],
  [
    'a jump host with its own port',
    `${GATE}Host web1\n  ProxyJump me@gate:22\n`,
    'web1',
    { host: 'web1', jump: [{ host: 'gate.example.org', port: 22, user: 'me' }] },
  ],
  [
    'a list of jump hosts',
    `${GATE}Host web1\n  ProxyJump gate,inner\n`,
    'web1',
    { host: 'web1', jump: [{ host: 'gate.example.org', port: 2200, user: 'jump' }, { host: 'inner' }] },
  ],
  [
    'a jump host behind a jump host',
    `${GATE}Host inner\n  ProxyJump gate\nHost web1\n  ProxyJump inner\n`,
    'web1',
    { host: 'web1', jump: [{ host: 'gate.example.org', port: 2200, user: 'jump' }, { host: 'inner' }] },
  ],
  [
    'a jump host and a host with keys of their own',
    'Host gate\n  IdentityFile ~/.ssh/id_gate\nHost web1\n  IdentityFile /keys/id_web\n  ProxyJump gate\n',
    'web1',
    { host: 'web1', identity: 'id_web', jump: [{ host: 'gate', identity: 'id_gate' }] },
  ],
  [
    'a jump host in the list that has a jump host itself, which ssh ignores',
    `${GATE}Host inner\n  ProxyJump other\nHost web1\n  ProxyJump gate,me@inner:23\n`,
    'web1',
    {
      host: 'web1',
      jump: [
        { host: 'gate.example.org', port: 2200, user: 'jump' },
        { host: 'inner', port: 23, user: 'me' },
      ],
    },
  ],
  [
    'a jump host for all but itself',
    'Host gate\n  ProxyJump none\nHost *\n  ProxyJump gate\n',
    'web1',
    { host: 'web1', jump: [{ host: 'gate' }] },
  ],
];

const sshSettings = (...args: string[]) =>
  parseSshSettings(execFileSync('ssh', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));

interface Place {
  readonly hostname: string | undefined;
  readonly port: string | undefined;
  readonly user: string | undefined;
  readonly key: string | undefined;
}

/** How ssh reaches a host: every jump host, and the host itself, each by its own `ssh -G`. */
function wayOfSsh(host: string, own: readonly string[] = []): Place[] {
  const settings = sshSettings('-F', join(dir, 'config'), '-G', ...own, '--', host);
  const {
    proxyjump: [jump = 'none'] = [],
    hostname,
    port,
    user,
    identityfile,
  } = Object.fromEntries(settings);
  const hops = jump === 'none' ? [] : jump.split(',');
  const isDefault = isDeepStrictEqual(identityfile, sshSettings('-F', 'none', '-G', 'x').get('identityfile'));
  const place = { hostname: hostname?.[0], port: port?.[0], user: user?.[0] };
  return [
    ...hops.flatMap((hop, i) => {
      const [, login, name = '', at] = /^(?:(.*)@)?([^@:]*)(?::(\d+))?$/.exec(hop) ?? [];
      const way = wayOfSsh(name, [...(login ? ['-l', login] : []), ...(at ? ['-p', at] : [])]);
      // ssh reaches only the first one by the jump hosts of its own.
      return i === 0 ? way : way.slice(-1);
    }),
    { ...place, key: isDefault ? undefined : basename(identityfile?.[0] ?? '') },
  ];
}

describe('a configuration of ssh', () => {
  test.each(CONFIGS)('with %s has the same effect as for ssh', async (_, config, host, target) => {
    const { reached, printed } = await reach(config, { host });
    expect(reached).toEqual(target);
    const isSame = JSON.stringify(target) === JSON.stringify({ host });
    expect(printed).toMatch(isSame ? /^$/ : /^ssh_config: \S+ is .*\n$/);
    const way = [...(reached?.jump ?? []), reached];
    expect(
      way.map((hop) => ({
        hostname: hop?.host.toLowerCase(),
        port: String(hop?.port ?? 22),
        user: hop?.user ?? LOCAL,
        key: hop?.identity,
      })),
    ).toEqual(wayOfSsh(host));
  });

  it('yields to the settings of the plan', async () => {
    const config = `${GATE}Host web1\n  HostName 10.0.0.7\n  User u\n  Port 23\n  IdentityFile ~/k\n  ProxyJump other\n`;
    const target: Target = {
      host: 'web1',
      user: 'root',
      port: 22,
      identity: 'agent',
      jump: [{ host: 'gate', port: 1 }],
      hostKey: 'accept-new',
    };
    const jump = [{ host: 'gate.example.org', port: 1, user: 'jump' }];
    expect((await reach(config, target)).reached).toEqual({ ...target, host: '10.0.0.7', jump });
    expect((await reach(config, { ...target, jump: [] })).reached).not.toHaveProperty('jump.0');
  });

  it.each<Target>([
    { host: 'web1', port: 9, user: 'me', identity: 'id_test', hostKey: 'known_hosts' },
    { host: 'web1', jump: [{ host: 'gate', port: 9 }] },
  ])('that has nothing for a target changes and prints nothing: %j', async (target) => {
    expect(await reach('Host other\n  Port 1\n', target)).toEqual({ reached: target, printed: '' });
  });

  it('is not read with --no-ssh-config', async () => {
    const { reached, printed } = await reach('Host web1\n  Port 1\n', { host: 'web1' }, { sshConfig: false });
    expect({ reached, printed }).toEqual({ reached: { host: 'web1' }, printed: '' });
  });

  it('may have settings that a worker cannot use, which are reported', async () => {
    const config = 'Host web1\n  ProxyCommand nc %h %p\n  CertificateFile ~/c\n  StrictHostKeyChecking no\n';
    const { reached, printed } = await reach(config, { host: 'web1' });
    expect(reached).toEqual({ host: 'web1' });
    expect(printed.split('\n')).toEqual([
      'ssh_config: not used for web1: ProxyCommand nc %h %p',
      'ssh_config: not used for web1: CertificateFile ~/c',
      'ssh_config: not used for web1: StrictHostKeyChecking false',
      '',
    ]);
  });

  test.each([
    [
      'Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n',
      'a',
      /^ssh_config: ProxyJump leads in a circle: a → b/,
    ],
    ['Colour red\n', 'a', /^ssh refuses its configuration: .*Bad configuration option: colour/],
    ['Host a\n  HostName "b;id"\n', 'a', /^ssh refuses|must be a host name or an IP address/],
  ])('is refused if it leads nowhere: %j', async (config, host, message) => {
    await expect(reach(config, { host })).rejects.toThrow(message);
  });

  it('must exist if it is named', async () => {
    await expect(reach('', { host: 'a' }, { sshConfig: join(dir, 'none') })).rejects.toThrow('no such file');
  });
});

it('without an ssh here, targets are used as they are', async () => {
  const context = contextWith(dir);
  const target = { host: 'web1' };
  expect(await reachTargets([target], { sshConfig: join(dir, 'config') }, context)).toEqual([target]);
});
