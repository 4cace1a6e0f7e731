import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { chandler } from '../support/chandler.ts';
import { problemsOf } from '../support/output-schema.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';

type Steps = Plan['steps'];

/** What the presets and examples do to hosts: packages, accounts, files, links, services, keys. */
const steps: Steps = [
  {
    name: 'package',
    script: `set -e; dir=$(mktemp -d); mkdir -p $dir/DEBIAN $dir/usr/bin
printf 'Package: shop-agent\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' >$dir/DEBIAN/control
printf '#!/bin/sh\\nexec sleep 1000000\\n' >$dir/usr/bin/shop-agent; chmod 755 $dir/usr/bin/shop-agent
(cd $dir && md5sum usr/bin/shop-agent >DEBIAN/md5sums)
dpkg-deb --build $dir /tmp/shop-agent.deb; dpkg -i /tmp/shop-agent.deb`,
    check: `dpkg-query -W -f '\${Status}' shop-agent | grep -qx 'install ok installed' && test -z "$(dpkg --verify shop-agent)"`,
  },
  {
    name: 'account',
    script:
      'set -e; groupadd -f shops; id shop || useradd -m -s /bin/bash shop; usermod -s /bin/bash -aG shops shop',
    check: `id -nG shop | grep -qw shops && getent passwd shop | grep -q ':/bin/bash$'`,
  },
  {
    name: 'config',
    needs: ['account'],
    env: { PORT: '8080' },
    script: `set -e; rm -rf /etc/shop/app.conf; mkdir -p /etc/shop; echo "port=$PORT" >/etc/shop/app.conf
chown root:shops /etc/shop/app.conf; chmod 640 /etc/shop/app.conf`,
    check: `[ "$(stat -c '%F %a %U %G' /etc/shop/app.conf)" = 'regular file 640 root shops' ] && [ "$(cat /etc/shop/app.conf)" = "port=$PORT" ]`,
  },
  {
    name: 'link',
    script: 'rm -rf /etc/shop.conf; ln -s /etc/shop/app.conf /etc/shop.conf',
    check: '[ "$(readlink /etc/shop.conf)" = /etc/shop/app.conf ]',
  },
  {
    name: 'service',
    needs: ['package'],
    script: 'setsid shop-agent </dev/null >/dev/null 2>&1 & echo $! >/run/shop.pid',
    check: `tr '\\0' ' ' </proc/$(cat /run/shop.pid)/cmdline | grep -q 'sleep 1000000'`,
  },
  {
    name: 'cron',
    script: "set -e; mkdir -p /etc/cron.d; echo '0 3 * * * root /usr/bin/shop-agent' >/etc/cron.d/shop",
    check: "grep -q '^0 3 .*shop-agent' /etc/cron.d/shop",
  },
  {
    name: 'keys',
    needs: ['account'],
    script: `set -e; dir=~shop/.ssh; mkdir -p $dir; echo 'ssh-ed25519 AAAA shop' >$dir/authorized_keys
chown -R shop $dir; chmod 700 $dir; chmod 600 $dir/authorized_keys`,
    check: `[ "$(cat ~shop/.ssh/authorized_keys)" = 'ssh-ed25519 AAAA shop' ] && [ "$(stat -c '%a %U' ~shop/.ssh/authorized_keys)" = '600 shop' ]`,
  },
  {
    name: 'directory',
    script: 'set -e; mkdir -p /srv/shop; chmod 2775 /srv/shop',
    check: "[ \"$(stat -c '%F %a' /srv/shop)\" = 'directory 2775' ]",
  },
  {
    name: 'token',
    secrets: { TOKEN: 'file:TOKEN' },
    script: 'umask 077; printf %s "$TOKEN" | sha256sum >/etc/shop-token',
    check: 'printf %s "$TOKEN" | sha256sum | cmp -s - /etc/shop-token',
  },
  {
    name: 'files',
    env: { PORT: '8080' },
    secrets: { TOKEN: 'file:TOKEN' },
    files: [
      {
        path: '/etc/brought/a.conf',
        content: 'port=${PORT}\n',
        expand: true,
        mode: '0640',
        owner: 'daemon:man',
      },
      { path: '/etc/brought/b.conf', content: 'token=${TOKEN}\n', expand: true, mode: '0600' },
      { path: '/etc/brought/c.conf', secret: 'file:TOKEN' },
    ],
  },
  { name: 'plain', script: 'echo plain >/root/plain', finalize: 'echo reloaded >/root/reloaded' },
];
const plan = (changed: Steps = steps): Omit<Plan, 'target'> => ({ name: 'shop', steps: changed });
const changed = (name: string, change: Partial<Steps[number]>): Steps =>
  steps.map((step) => (step.name === name ? { ...step, ...change } : step));

/** What happens to the host, and the steps that drift by it. */
const damages: Readonly<Record<string, readonly [script: string, ...steps: string[]]>> = {
  'a package is removed': ['dpkg -r shop-agent', 'package'],
  'a package is purged': ['dpkg -P shop-agent', 'package'],
  'a file of a package is edited': ['echo >>/usr/bin/shop-agent', 'package'],
  'a file of a package is removed': ['rm /usr/bin/shop-agent', 'package'],
  'an account is removed': ['userdel shop', 'account', 'keys'],
  'the shell of an account changes': ['usermod -s /bin/sh shop', 'account'],
  'an account leaves a group': ["usermod -G '' shop", 'account'],
  'a file is edited': ['echo debug=1 >>/etc/shop/app.conf', 'config'],
  'a file is removed': ['rm /etc/shop/app.conf', 'config'],
  'the directory of a file is removed': ['rm -r /etc/shop', 'config'],
  'a file is emptied': ['true >/etc/shop/app.conf', 'config'],
  'a file has another mode': ['chmod 644 /etc/shop/app.conf', 'config'],
  'a file has another owner': ['chown daemon /etc/shop/app.conf', 'config'],
  'a file has another group': ['chgrp root /etc/shop/app.conf', 'config'],
  'a file becomes a directory': ['rm /etc/shop/app.conf; mkdir /etc/shop/app.conf', 'config'],
  'a file becomes a link': [
    'cp -p /etc/shop/app.conf /root/copy; ln -sf /root/copy /etc/shop/app.conf',
    'config',
  ],
  'a file becomes a pipe that nobody writes to': [
    'rm /etc/shop/app.conf; mkfifo /etc/shop/app.conf',
    'config',
  ],
  'a link is removed': ['rm /etc/shop.conf', 'link'],
  'a link leads elsewhere': ['ln -sf /dev/null /etc/shop.conf', 'link'],
  'a link becomes a file': ['rm /etc/shop.conf; cp /etc/shop/app.conf /etc/shop.conf', 'link'],
  'a service stops': ['kill $(cat /run/shop.pid)', 'service'],
  'the process of a service is another one': ['echo $$ >/run/shop.pid', 'service'],
  'a service loses its pid file': ['kill $(cat /run/shop.pid); rm /run/shop.pid', 'service'],
  'a line of cron is commented out': ["sed -i 's/^/#/' /etc/cron.d/shop", 'cron'],
  'a file of cron is removed': ['rm /etc/cron.d/shop', 'cron'],
  'another key is let in': ["echo 'ssh-ed25519 BBBB x' >>~shop/.ssh/authorized_keys", 'keys'],
  'a key is removed': ['true >~shop/.ssh/authorized_keys', 'keys'],
  'keys can be read by others': ['chmod 644 ~shop/.ssh/authorized_keys', 'keys'],
  'a directory is removed': ['rm -r /srv/shop', 'directory'],
  'a directory has another mode': ['chmod 755 /srv/shop', 'directory'],
  'a file with a secret is edited': ['echo x >/etc/shop-token', 'token'],
};

/** What happens to the files that a step brought, and what is reported. */
const brought: Readonly<Record<string, readonly [script: string, ...found: RegExp[]]>> = {
  'is edited': ['echo x >>/etc/brought/a.conf', /^\/etc\/brought\/a\.conf has another content$/],
  'is removed': ['rm /etc/brought/a.conf', /a\.conf is missing/],
  'has another mode': ['chmod 644 /etc/brought/a.conf', /a\.conf has mode 0644, not 0640/],
  'has another owner': ['chown root /etc/brought/a.conf', /a\.conf belongs to root:man, not daemon:man/],
  'is a link': ['cp -p /etc/brought/a.conf /root/a; ln -sf /root/a /etc/brought/a.conf', /a\.conf is a link/],
  'is a directory': ['rm /etc/brought/a.conf; mkdir /etc/brought/a.conf', /a\.conf is a directory/],
  'with a secret in it is edited': ['sed -i s/token/x/ /etc/brought/b.conf', /b\.conf has another content/],
  'that is a secret can be read by all and has another content': [
    'chmod 666 /etc/brought/c.conf; echo x >/etc/brought/c.conf',
    /c\.conf has another content/,
    /c\.conf has mode 0666/,
  ],
  'is removed with its directory': [
    'rm -r /etc/brought',
    /a\.conf is missing/,
    /b\.conf is missing/,
    /c\.conf is missing/,
  ],
};

describe('a provisioned host', () => {
  let stack: Stack;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-drift-'));
    stack = await startStack();
    await addSecret(stack, 'TOKEN', 'hush-hush-token');
    await provision(steps);
  });
  afterAll(async () => {
    await stack?.onHost('kill $(cat /run/shop.pid) 2>/dev/null; true');
    await stack?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const provision = async (some: Steps, more: Partial<Plan> = {}) => {
    const id = await stack.start({ ...plan(some), onStepFailure: 'fail', ...more });
    const result = await stack.client.result(id);
    if (!('result' in result)) throw new Error(JSON.stringify(result.failure));
  };
  const check = (some: Steps = steps) => stack.client.checkDrift({ ...plan(some), target: stack.target() });
  /** The steps that are not in order, and how. */
  const drift = async (some?: Steps) => {
    const { steps, drifted } = await check(some);
    const found = steps.flatMap(({ name, state, deviations }) =>
      state === 'in-order'
        ? []
        : [`${name}: ${state === 'unknown' ? state : deviations.map(kindOf).join(', ')}`],
    );
    expect(drifted).toBe(found.length > 0);
    return found;
  };
  const kindOf = ({ kind, finalizer }: { kind: string; finalizer?: true }) =>
    finalizer ? `finalizer ${kind}` : kind;
  /** What a check must not change. */
  const traces = () =>
    stack.onHost(
      'cd /var/lib/chandler && find . -printf "%p %s %T@ %m\\n" | sort; ls -A /run/chandler /dev/shm /tmp; find / -xdev -newer /root/mark -type f 2>/dev/null | grep -v ^/proc | grep -v /var/log; true',
    );
  const repair = () => provision(steps, { run: { force: true } });

  it('has not drifted, and is not changed by the check', async () => {
    await stack.onHost('touch /root/mark; sleep 0.1');
    const before = await traces();
    expect(await drift()).toEqual([]);
    expect(await traces()).toBe(before);
  });

  it.each(Object.entries(damages))(
    'has drifted in that step alone once %s',
    async (_, [script, ...names]) => {
      await stack.onHost(script);
      const found = await drift();
      await repair();
      expect(found).toEqual(names.map((name) => `${name}: missing`));
      expect(await drift()).toEqual([]);
    },
  );

  it.each(Object.entries(brought))(
    'has drifted once a file that a step brought %s',
    async (_, [script, ...found]) => {
      await stack.onHost(script);
      const { drifted, steps: all } = await check();
      // A run places no file where a directory is.
      await stack.onHost('rm -rf /etc/brought');
      await repair();
      expect(drifted).toBe(true);
      const [first, ...others] = all.filter(({ state }) => state !== 'in-order');
      expect(others).toEqual([]);
      expect(first).toMatchObject({ name: 'files', deviations: found.map(() => ({ kind: 'file' })) });
      for (const [i, pattern] of found.entries()) expect(first?.deviations[i]?.message).toMatch(pattern);
      expect(JSON.stringify(all)).not.toContain('hush');
      expect(await drift()).toEqual([]);
    },
  );

  it.each([
    ['a file that no step covers is edited', 'echo x >/etc/motd; rm /root/plain'],
    ['a covered file gets another time', 'touch /etc/shop/app.conf'],
    ['another file appears in a covered directory', 'touch /srv/shop/x'],
    ['the sentinel is removed', 'rm /var/lib/chandler/provisioned'],
  ])('has not drifted once %s', async (_, script) => {
    await stack.onHost(script);
    const found = await drift();
    await repair();
    expect(found).toEqual([]);
  });

  it.each<[what: string, some: Steps, found: string[]]>([
    ['another script without a check', changed('plain', { script: 'echo 2' }), ['plain: changed']],
    [
      'another value that its check asks for',
      changed('config', { env: { PORT: '8081' } }),
      ['config: missing, changed'],
    ],
    ['another finalizer', changed('plain', { finalize: 'echo 2' }), ['plain: finalizer changed']],
    ['another step', [...steps, { name: 'more', script: 'x' }], ['more: never-run']],
    ['another step whose check is satisfied', [...steps, { name: 'more', script: 'x', check: 'true' }], []],
    ['another check', changed('plain', { check: 'false' }), ['plain: missing']],
    ['another timeout', changed('plain', { timeout: '2h' }), []],
  ])('has drifted from a plan with %s', async (_, some, found) => {
    expect(await drift(some)).toEqual(found);
  });

  it('has drifted where an operator skipped a step, until a run does it', async () => {
    const broken = changed('plain', { script: 'test -e /root/fixed' });
    const id = await stack.start(plan(broken));
    await stack.until(id, ({ steps }) => steps.some(({ state }) => state === 'parked'), 'plain is parked');
    const target = stack.target();
    await expect(stack.client.checkDrift({ ...plan(broken), target })).rejects.toMatchObject({
      code: 'lease-held',
      message: expect.stringContaining(id) as string,
    });
    await stack.client.skip(id, { step: 'plain' });
    await stack.client.result(id);
    expect(await drift(broken)).toEqual(['plain: skipped']);
    await stack.onHost('touch /root/fixed');
    await provision(broken);
    expect(await drift(broken)).toEqual([]);
    await repair();
  });

  it('has drifted where a step failed, and where what a step needs ran again', async () => {
    const failing = changed('link', { needs: ['directory'], script: 'exit 3', check: 'false' });
    const id = await stack.start({ ...plan(failing), onStepFailure: 'fail' });
    await stack.client.result(id);
    expect(await drift(failing)).toContain('link: missing, failed');
    await repair();
    const two: Steps = [
      { name: 'first', script: 'true' },
      { name: 'second', needs: ['first'], script: 'true' },
    ];
    await provision(two, { name: 'two' });
    await provision(two, { name: 'two', run: { only: ['first'], force: true } });
    const target = stack.target();
    expect(await stack.client.checkDrift({ name: 'two', steps: two, target })).toMatchObject({
      message: '1 of 2 steps drifted: second',
      steps: [{ state: 'in-order' }, { deviations: [{ kind: 'changed' }] }],
    });
  });

  it('is compared by the command line, with exit codes and JSON', async () => {
    const file = join(dir, 'shop.json');
    await writeFile(file, JSON.stringify({ ...plan(), target: stack.target() }));
    const options = {
      home: dir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    };
    const clean = await chandler(['drift', file], options);
    expect(clean).toMatchObject({ exitCode: 0, stderr: '' });
    expect(clean.stdout).toMatch(/no drift: 11 steps in order\n$/);
    await stack.onHost('rm /etc/cron.d/shop');
    const drifted = await chandler(['drift', file, '--json'], options);
    expect(drifted.exitCode).toBe(6);
    expect(problemsOf('drift', drifted.stdout)).toEqual([]);
    expect(JSON.parse(drifted.stdout)).toMatchObject({ drifted: true, plan: 'shop' });
    const shown = await chandler(['drift', file], options);
    expect(shown.stdout).toMatch(/^ {2}! drifted {3}cron +its check says no \(exit 2\)$/m);
    expect((await chandler(['diff', file], options)).stdout).toMatch(/^ {2}! drift +step cron/m);
    const unreachable = await chandler(['drift', file, '--target', 'port=1', '--json'], options);
    expect(unreachable.exitCode).toBe(1);
    expect(JSON.parse(unreachable.stderr)).toMatchObject({ error: { code: 'host-unreachable' } });
    expect((await chandler(['drift', join(dir, 'none.yaml')], options)).exitCode).toBe(2);
    await repair();
  });
});
