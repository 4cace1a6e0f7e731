import { describe, expect, test } from 'vitest';
import { parseJump, parseProxyCommand } from '../../../src/domain/hosts/jump-hosts.ts';
import { parseSshSettings, readSshHost, withSshHost } from '../../../src/domain/hosts/ssh-settings.ts';

const BARE =
  'host x\nuser me\nhostname x\nport 22\nidentityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ed25519\nuserknownhostsfile /k /k2\n';
const read = (changes: string, host = 'Web1') =>
  readSshHost(
    host,
    parseSshSettings(BARE.replace('hostname x', 'hostname web1') + changes),
    parseSshSettings(BARE),
  );

describe('what ssh -G prints', () => {
  test('has no settings if it is what ssh does without a configuration', () => {
    expect(read('')).toEqual({ unused: [] });
  });

  test('has address, port, user and jump hosts', () => {
    const text = 'user root\nhostname 10.0.0.7\nport 2222\nproxyjump me@gate:2200,inner\n';
    expect(readSshHost('web1', parseSshSettings(text), parseSshSettings(BARE))).toEqual({
      hostname: '10.0.0.7',
      port: 2222,
      user: 'root',
      jump: [{ host: 'gate', port: 2200, user: 'me' }, { host: 'inner' }],
      unused: [],
    });
  });

  const keys = (files: string) =>
    readSshHost('x', parseSshSettings(files.replaceAll(/^/gm, 'identityfile ')), parseSshSettings(BARE));
  test.each<[files: string, identity: string | undefined, unused: string[]]>([
    ['~/.ssh/id_web', 'id_web', []],
    ['/keys/a b', 'a b', []],
    ['none', undefined, []],
    ['~/.ssh/id_%h', undefined, ['IdentityFile ~/.ssh/id_%h']],
    ['~/one\n/two/three', 'one', ['IdentityFile /two/three']],
  ])('names the first key only: %j', (files, identity, unused) => {
    expect(keys(files)).toEqual({ ...(identity !== undefined && { identity }), unused });
  });

  test.each([
    ['proxycommand nc %h %p', 'ProxyCommand nc %h %p'],
    ['certificatefile ~/.ssh/id-cert.pub', 'CertificateFile ~/.ssh/id-cert.pub'],
    ['identityagent /agent', 'IdentityAgent /agent'],
    ['hostkeyalias web', 'HostKeyAlias web'],
    ['stricthostkeychecking false', 'StrictHostKeyChecking false'],
    ['proxyjump a b', 'ProxyJump a b'],
  ])('reports what a worker cannot use: %s', (line, reported) => {
    expect(read(`${line}\n`).unused).toEqual([reported]);
  });
});

test('the settings of a target win over ssh_config, except for the alias', () => {
  const found = { hostname: '10.0.0.7', port: 2222, user: 'deploy', identity: 'id_web', unused: [] };
  expect(withSshHost({ host: 'web1' }, found)).toEqual({
    host: '10.0.0.7',
    port: 2222,
    user: 'deploy',
    identity: 'id_web',
  });
  const target = { host: 'web1', port: 22, user: 'root', identity: 'agent' };
  expect(withSshHost(target, found)).toEqual({ ...target, host: '10.0.0.7' });
});

describe('ProxyJump', () => {
  test.each([
    ['gate', [{ host: 'gate' }]],
    ['a@b@gate:22', [{ host: 'gate', port: 22, user: 'a@b' }]],
    ['[fe80::1]:2', [{ host: 'fe80::1', port: 2 }]],
    ['ssh://me@gate:22', [{ host: 'gate', port: 22, user: 'me' }]],
    ['a, b', [{ host: 'a' }, { host: 'b' }]],
    ['none', []],
  ])('%s', (text, hops) => {
    expect(parseJump(text)).toEqual(hops);
  });

  test.each(['', 'a b', 'a,,b', 'gate:x', '[::1', 'me@'])('%j is not a list of jump hosts', (text) => {
    expect(parseJump(text)).toBeUndefined();
  });
});

describe('a ProxyCommand that is ssh -W is a jump host', () => {
  test.each([
    ['ssh -W %h:%p gate', { host: 'gate' }],
    ['/usr/bin/ssh -q -W [%h]:%p me@gate', { host: 'gate', user: 'me' }],
    [
      'ssh -i ~/k/id_gate -p 2200 -l me gate -W %h:%p',
      { host: 'gate', port: 2200, user: 'me', identity: 'id_gate' },
    ],
    ['ssh -p2200 gate -W%h:%p', { host: 'gate', port: 2200 }],
  ])('%s', (command, hop) => {
    expect(parseProxyCommand(command)).toEqual({ hop, unused: [] });
    expect(read(`proxycommand ${command}\n`)).toMatchObject({ jump: [hop], unused: [] });
  });

  test('but not its options', () => {
    expect(parseProxyCommand('ssh -o A=b -oC=d -W %h:%p gate')).toEqual({
      hop: { host: 'gate' },
      unused: ['-o A=b', '-o C=d'],
    });
  });

  test.each([
    'nc %h %p',
    'ssh gate nc %h %p',
    'ssh -W other:22 gate',
    'ssh -F x -W %h:%p gate',
    'ssh -W %h:%p',
    'ssh -W %h:%p "a b"',
    'ssh -W %h:%p gate -p x',
    'ssh -W %h:%p gate; id',
    "ssh '",
  ])('%s is not a jump host', (command) => {
    expect(parseProxyCommand(command)).toBeUndefined();
  });
});
