import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { loadHostPlans } from '../../../src/cli/hosts/host-plans.ts';
import { readHosts } from '../../../src/cli/hosts/read-hosts.ts';
import { renderHosts } from '../../../src/cli/hosts/run-hosts.ts';
import { fakeContext } from '../fake-context.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'chandler-read-hosts-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string | Buffer, mode = 0o644): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function contextWith(input = '') {
  const stdin = Readable.from([Buffer.from(input)]);
  return { ...fakeContext(), env: process.env, verbosity: 'normal' as const, stdin };
}

const namesIn = async (hosts: string, input?: string) =>
  (await readHosts({ hosts }, contextWith(input))).hosts.map(({ name }) => name);

describe('the source of an inventory', () => {
  const script = '#!/bin/sh\necho "{\\"g\\": {\\"hosts\\": [\\"from-$1\\"]}}"\n';

  it('is standard input, a file, or what a command prints for --list', async () => {
    expect(await namesIn('-', 'a\n')).toEqual(['a']);
    expect(await namesIn(write('hosts', 'b\n'))).toEqual(['b']);
    expect(await namesIn(write('script', script, 0o755))).toEqual(['from---list']);
  });

  it('is a file if it cannot be executed, or is a text without #!', async () => {
    await expect(namesIn(write('script', script))).rejects.toThrow(/script:2: Unexpected flow-map-end/);
    expect(await namesIn(write('mounted', 'c\n', 0o755))).toEqual(['c']);
  });

  test.each([
    ['none', undefined, /none: no such file$/],
    ['fails', '#!/bin/sh\necho "no cloud" >&2; exit 3\n', /fails --list: ended with 3: no cloud$/],
    ['dies', '#!/bin/sh\nkill -9 $$\n', /dies --list: ended with SIGKILL$/],
    ['gone', '#!/nowhere/sh\n', /gone: cannot be run: /],
    ['speaks', '#!/bin/sh\necho "{"\n', /speaks:\d+: /],
    ['empty', '', /empty: has no hosts$/],
  ])('is refused: %s', async (name, text, message) => {
    const path =
      text === undefined ? join(dir, name) : write(name, text, text.startsWith('#!') ? 0o755 : 0o644);
    await expect(namesIn(path)).rejects.toThrow(message);
  });

  it('is not a directory', async () => {
    await expect(namesIn(dir)).rejects.toThrow(
      'is a directory; give one file, or the output of: ansible-inventory --list',
    );
  });
});

it('every wrong line is reported at once, with hostile names taken literally', async () => {
  const text = 'evil;id\n-oProxyCommand=id\n$(id) a=b\nfine ansible_port=x\nh x\n';
  const file = write('e.ini', text);
  await expect(namesIn(file)).rejects.toMatchObject({
    exitCode: 2,
    message: [
      `${file}:5: x: a variable of a host must be NAME=VALUE`,
      `${file}:1: evil;id: must be a host name or an IP address`,
      `${file}:2: -oProxyCommand=id: must be a host name or an IP address`,
      `${file}:3: $(id): must be a host name or an IP address`,
      `${file}:4: fine: target.port: must be a number`,
    ].join('\n'),
  });
  const only = await readHosts({ hosts: write('f.ini', 'evil;id\nfine\n'), limit: 'fine' }, contextWith());
  expect(only.hosts.map(({ name }) => name)).toEqual(['fine']);
});

it('directories of variables beside an inventory of Ansible are reported', async () => {
  mkdirSync(join(dir, 'group_vars'));
  const read = await readHosts({ hosts: write('hosts.ini', 'a x=[1]\nb x=[1]\n') }, contextWith());
  expect(renderHosts(read).slice(-3)).toEqual([
    'Not used:',
    '  group_vars: is not read; give the output of: ansible-inventory --list',
    '  x: is a list (a, b)',
  ]);
});

describe('a plan for hosts', () => {
  const plan = (text = '') =>
    write(
      'plan.yaml',
      `${text}env: { A: plan, B: plan, C: plan, D: plan }\nsteps: [{ name: a, script: x, env: { S: step } }]\n`,
    );
  const load = async (inventory: string, options: object = {}, text = '') => {
    const context = contextWith();
    const chosen = { hosts: write('hosts.yaml', inventory), sshConfig: false as const, ...options };
    const plans = await loadHostPlans(plan(text), chosen, context);
    return {
      plans: Object.fromEntries(plans.map(({ name, plan }) => [name, plan])),
      printed: context.output(),
    };
  };

  it('has values from the weakest to the strongest: plan, step, groups, host, --env-file, --set', async () => {
    const inventory =
      'env: { B: all, S: all }\ngroups: { g: { hosts: [a], env: { C: group } } }\nhosts: { a: { env: { D: host, E: host } }, b: }\n';
    const envFile = [write('env', 'D=file\nE=file\n')];
    const { plans } = await load(inventory, { envFile, set: ['E=set'] });
    expect(plans['a']).toMatchObject({
      env: { A: 'plan', B: 'all', C: 'group', D: 'file', E: 'set' },
      steps: [{ env: { S: 'all' } }],
    });
    expect(plans['b']).toMatchObject({ env: { A: 'plan', B: 'all', C: 'plan', D: 'file' } });
  });

  it('prefers the target of each host to its own, and --target to both', async () => {
    const own = 'target: { user: own, identity: own, port: 1 }\nlabels: { a: plan, b: plan }\n';
    const inventory = 'labels: { b: all }\nhosts: { a: { target: { port: 2, identity: host } }, b: }\n';
    const { plans } = await load(inventory, { target: ['identity=option'] }, own);
    expect(plans['a']?.target).toEqual({ host: 'a', user: 'own', identity: 'option', port: 2 });
    expect(plans['b']?.target).toEqual({ host: 'b', user: 'own', identity: 'option', port: 1 });
    expect(plans['a']?.labels).toEqual({ a: 'plan', b: 'all' });
  });

  test.each<[what: string, inventory: string, options: object, text: string, message: RegExp]>([
    [
      'a required value that some lack',
      'hosts: { a: { env: { R: x } }, b: , c: }',
      {},
      'required: [R]\n',
      /^\S+plan\.yaml:1: required\[0\]: R has no value: .* \(for b, c\)$/,
    ],
    ['a required value that all lack', 'hosts: [a, b]', {}, 'required: [R]\n', /an --env-file$/],
    [
      'one machine with two names',
      'target: { host: x }\nhosts: [a, b]',
      {},
      '',
      /^\S+hosts\.yaml: a and b are both x:22; --limit chooses one$/,
    ],
    [
      'an address for all',
      'hosts: [a, b]',
      { target: ['root@x'] },
      '',
      /^--target root@x: names one host; with --hosts it must be KEY=VALUE/,
    ],
    [
      'a value for a secret',
      'hosts:\n  a: { env: { T: x } }',
      {},
      'include: [more.yaml]\n',
      /^\S+hosts\.yaml:2: a: T: is a secret of the step "s"/,
    ],
    [
      'a pattern without hosts',
      'hosts: [a, b]',
      { limit: 'c' },
      '',
      /^--limit c: matches none of 2 hosts in \S+hosts\.yaml$/,
    ],
  ])('is refused with %s', async (_, inventory, options, text, message) => {
    write('more.yaml', 'steps: [{ name: s, script: x, secrets: { T: env:T } }]\n');
    await expect(load(inventory, options, text)).rejects.toThrow(message);
  });

  it('reports how many hosts match, and what is not used', async () => {
    const { printed } = await load('hosts: [a, b]', { limit: '!b' });
    expect(printed).toBe('1 of 2 hosts match --limit !b\n');
    const context = contextWith();
    await loadHostPlans(
      plan(),
      { hosts: write('h.ini', 'a x=[1] y={} ansible_become=1 z=[]\n'), sshConfig: false },
      context,
    );
    expect(context.output()).toMatch(
      /^not used of \S+h\.ini: x, y, ansible_become and 1 more; for the reasons: chandler hosts \S+h\.ini\n$/,
    );
  });
});
