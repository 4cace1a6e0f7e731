import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PartFailure } from '../../src/domain/status.ts';
import type { Plan, Target } from '../../src/domain/schema.ts';
import { sandboxExec, sandboxSshd } from '../../src/dev/sandbox/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { giveSecret, startStack, type Stack } from '../support/stack.ts';

const exec = promisify(execFile);
const ZMX = 'ZMX_DIR=/run/chandler/zmx zmx';
/** A fingerprint of nobody. */
const FOREIGN_KEY = `SHA256:${'A'.repeat(43)}`;

type Change = Omit<Partial<Plan>, 'target'> & { target?: Partial<Target> };

/** Runs a plan of one step that must not come to run, and gives the failure: soon, with the code, and one line of advice. */
async function refused(
  stack: Stack,
  code: string,
  { target, ...plan }: Change = {},
  withinMs = 30_000,
): Promise<PartFailure> {
  const begin = Date.now();
  const id = await stack.start({
    steps: [{ name: 'never', script: 'touch /root/never' }],
    sentinel: { whenPresent: 'ignore' },
    ...plan,
    target: stack.target(target),
  });
  const result = await stack.client.result(id);
  expect(result).toMatchObject({ outcome: 'failed', failure: { code } });
  expect(Date.now() - begin).toBeLessThan(withinMs);
  if (!('failure' in result)) throw new Error('not refused');
  expect(result.failure.advice).toMatch(/^\S.*\.?$/);
  await stack.onHost('test ! -e /root/never && test ! -e /var/lib/chandler/provisioned');
  return result.failure;
}

/** What lies in Chandler's places on the host beyond its own programs. */
const leftovers = (stack: Stack) =>
  stack.onHost(
    'cd /; find var/lib/chandler run/chandler usr/local/bin/zmx ! -type d ! -path "*/bin/host-*" ! -path "*/bin/supervise-*" ! -name lease.lock 2>/dev/null || :',
  );
const clean = (stack: Stack) =>
  stack.onHost('rm -rf /var/lib/chandler/* /run/chandler /usr/local/bin/zmx /root/never');

describe('a host that is refused, or refuses', () => {
  let stack: Stack;
  let trusted: string;
  beforeAll(async () => {
    stack = await startStack();
    trusted = await readFile(stack.host.knownHosts, 'utf8');
    // So that the log tells of every attempt to log in.
    await stack.onHost('echo "LogLevel DEBUG1" >> /etc/sandbox/sshd_config');
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
  });
  afterAll(() => stack?.stop());

  const sshdLog = () => readFileSync(join(dirname(stack.host.identity), 'host.log'), 'utf8');

  /** Runs `work` and gives what sshd logged meanwhile. */
  const logDuring = async (work: () => Promise<unknown>): Promise<string> => {
    const before = sshdLog().length;
    await work();
    await expect.poll(() => sshdLog().slice(before)).toContain('[preauth]');
    return sshdLog().slice(before);
  };

  describe('by its key', () => {
    let foreign: string;
    beforeAll(async () => {
      const key = join(stack.secretsDir, 'foreign');
      await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      foreign = trusted.replace(
        /ssh-ed25519 \S+/,
        (await readFile(`${key}.pub`, 'utf8')).split(' ', 2).join(' '),
      );
    });

    it.each<
      [what: string, code: string, knownHosts: () => string, hostKey: string | undefined, says: RegExp]
    >([
      ['unknown', 'host-key-unknown', () => '', undefined, /recorded nowhere/],
      [
        'known, but only elsewhere',
        'host-key-unknown',
        () => trusted.replace('127.0.0.1', '127.0.0.2'),
        'known_hosts',
        /recorded nowhere/,
      ],
      ['changed', 'host-key-mismatch', () => foreign, undefined, /records a different key/],
      ['revoked', 'host-key-mismatch', () => `${trusted}@revoked ${trusted}`, undefined, /revokes/],
      ['other than the pinned one', 'host-key-mismatch', () => trusted, FOREIGN_KEY, /is pinned/],
      [
        'changed, even if new ones are welcome',
        'host-key-mismatch',
        () => foreign,
        'accept-new',
        /records a different key/,
      ],
    ])('is refused before anybody tries to log in: %s', async (_, code, knownHosts, hostKey, says) => {
      await writeFile(stack.host.knownHosts, knownHosts());
      try {
        const { hostKey: __, ...bare } = stack.target();
        const log = await logDuring(async () => {
          const id = await stack.start({
            target: { ...bare, ...(hostKey !== undefined && { hostKey }) },
            steps: [{ name: 'never', script: 'touch /root/never' }],
          });
          const result = await stack.client.result(id);
          expect(result).toMatchObject({ outcome: 'failed', failure: { code } });
          if ('failure' in result) {
            expect(result.failure.message).toMatch(says);
            expect(result.failure.advice).toMatch(/^.+$/);
          }
        });
        expect(log).not.toMatch(/userauth|authenticating|Accepted|Failed/);
        expect(await readFile(stack.host.knownHosts, 'utf8')).toBe(knownHosts());
      } finally {
        await writeFile(stack.host.knownHosts, trusted);
      }
      expect(await leftovers(stack)).toBe('');
    });

    it('is recorded by accept-new, and holds from then on', async () => {
      await writeFile(stack.host.knownHosts, '');
      const run = async (hostKey: string) => {
        const id = await stack.start({
          target: stack.target({ hostKey }),
          steps: [{ name: 'runs', script: 'true' }],
          sentinel: { whenPresent: 'ignore' },
        });
        expect((await stack.client.result(id)).outcome).toBe('provisioned');
      };
      await run('accept-new');
      expect((await readFile(stack.host.knownHosts, 'utf8')).trim().split(' ', 3)).toEqual(
        trusted.trim().split(' ', 3),
      );
      await run('known_hosts');
      await clean(stack);
    });
  });

  describe('by its login', () => {
    it('a key that the host does not know', async () => {
      const { message } = await refused(stack, 'auth-failed', { target: { identity: 'foreign' } });
      expect(message).toContain('foreign');
      expect(await leftovers(stack)).toBe('');
    });

    it.each([
      'nobody',
      '../../etc/shadow',
      '/etc/shadow',
      '../secret-outside',
      'link-outside',
      'agent',
      'foreign.pub',
      'no-key',
    ])('an identity that is none, or not in an allowed place, which is never read: %s', async (identity) => {
      const outside = join(dirname(stack.secretsDir), 'secret-outside');
      await copyFile(stack.host.identity, outside);
      await exec('ln', ['-sf', outside, join(stack.secretsDir, 'link-outside')]);
      await writeFile(join(stack.secretsDir, 'no-key'), 'sEcReT text');
      try {
        const { message } = await refused(stack, 'identity-unavailable', { target: { identity } });
        expect(message).toContain(identity === 'agent' ? 'SSH_AUTH_SOCK' : identity);
        expect(message).not.toMatch(/root:|sEcReT/);
      } finally {
        await exec('rm', ['-f', outside]);
      }
      expect(await leftovers(stack)).toBe('');
    });

    it('a port where nobody listens, after the time that the plan gives', async () => {
      const proxy = await startFaultProxy(1);
      await proxy.close();
      const begin = Date.now();
      const { message, advice } = await refused(stack, 'host-unreachable', {
        target: { port: proxy.port, connectTimeout: '2s' },
      });
      expect(Date.now() - begin).toBeGreaterThan(1000);
      // The engine hands on what the last try died of, unless another one is under way just then.
      expect(`${message} ${advice}`).toMatch(/ECONNREFUSED.*Nothing listens on that port|no answer in time/);
    });

    it('a host that takes connections and says nothing', async () => {
      const proxy = await startFaultProxy(stack.host.port);
      proxy.setMode('blackhole');
      const { message } = await refused(stack, 'host-unreachable', {
        target: { port: proxy.port, connectTimeout: '2s' },
      });
      expect(message).toContain('no answer in time');
      await proxy.close();
    });
  });

  describe('by what it lacks', () => {
    const hide = (tool: string) => `mv $(readlink -f $(command -v ${tool})) /usr/bin/.hidden-${tool}`;
    const show = (tool: string) => `mv /usr/bin/.hidden-${tool} /usr/bin/${tool}`;

    it.each<[what: string, code: string, spoil: string, mend: string, says: RegExp, plan?: Change]>([
      ['no flock', 'host-unsupported', hide('flock'), show('flock'), /no flock.*Install util-linux/],
      [
        'no tmux for the shim',
        'zmx-unavailable',
        hide('tmux'),
        show('tmux'),
        /no tmux.*apt-get install tmux/,
      ],
      [
        'a CPU that zmx is not built for',
        'host-unsupported',
        `printf '#!/bin/sh\\necho riscv64\\n' > /usr/local/bin/uname; chmod 755 /usr/local/bin/uname`,
        'rm /usr/local/bin/uname',
        /riscv64.*zmx\.source: tmux/,
        { zmx: { source: 'release' } },
      ],
      [
        'a read-only state directory',
        'state-directory-unwritable',
        'mkdir -p /var/lib/chandler; mount --bind /var/lib/chandler /var/lib/chandler; mount -o remount,ro,bind /var/lib/chandler',
        'umount /var/lib/chandler',
        /Read-only file system.*state directory writable/,
      ],
      [
        'a file where the state directory should be',
        'state-directory-unwritable',
        'rm -rf /var/lib/chandler; echo here > /var/lib/chandler',
        'rm /var/lib/chandler; mkdir /var/lib/chandler',
        /state directory writable/,
      ],
      [
        'no room for the state directory',
        'disk-full',
        'mkdir -p /var/lib/chandler; mount -t tmpfs -o size=64k none /var/lib/chandler; head -c 1000000 /dev/zero > /var/lib/chandler/ballast || :',
        'umount /var/lib/chandler',
        /No space left.*Free space/,
      ],
    ])('%s', async (_, code, spoil, mend, says, plan) => {
      await clean(stack);
      await stack.onHost(spoil);
      let left: string;
      try {
        const { message, advice } = await refused(stack, code, plan);
        expect(`${message} ${advice}`).toMatch(says);
      } finally {
        left = await leftovers(stack);
        await stack.onHost(mend);
      }
      expect(left.replace(/^var\/lib\/chandler(\/ballast)?\n$/m, '')).toBe('');
    });

    it('runs once that is mended', async () => {
      const id = await stack.start({ steps: [{ name: 'mended', script: 'true' }] });
      expect((await stack.client.result(id)).outcome).toBe('provisioned');
      await clean(stack);
    });
  });

  describe('by its sentinel', () => {
    it.each(['/root', '/root/fifo'])('%s is no file that can be read, so it says nothing', async (path) => {
      await stack.onHost('test -e /root/fifo || mkfifo /root/fifo');
      const id = await stack.start({ steps: [{ name: 'ran', script: 'true' }], sentinel: { path } });
      const result = await stack.client.result(id);
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'sentinel-missing' } });
    });
  });

  describe('by its bootstrap marker', () => {
    it('that appears late, and so is the run', async () => {
      const id = await stack.start({
        steps: [{ name: 'boots', script: 'test -e /root/booted' }],
        bootstrap: { marker: '/root/booted', timeout: '20s' },
        sentinel: { whenPresent: 'ignore' },
      });
      await stack.until(id, (status) => status.phase === 'waiting-for-bootstrap', 'it waits');
      await stack.onHost('touch /root/booted');
      expect((await stack.client.result(id)).outcome).toBe('provisioned');
      await clean(stack);
    });

    it('that never appears', async () => {
      const { message } = await refused(stack, 'bootstrap-timeout', {
        bootstrap: { marker: '/root/never-booted', timeout: '1s' },
      });
      expect(message).toContain('/root/never-booted');
      expect(await leftovers(stack)).toBe('');
    });
  });
});

describe('a step that cannot start', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
    // Installs zmx, so that a person can use it.
    const id = await stack.start({ steps: [{ name: 'first', script: 'true' }] });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });
  afterAll(() => stack?.stop());

  const start = (steps: Plan['steps'], plan: Partial<Plan> = {}) =>
    stack.start({ steps, sentinel: { whenPresent: 'ignore' }, ...plan });
  const parked = async (id: string) => {
    const status = await stack.until(id, (s) => s.attention, 'parked');
    return status.steps[0]?.failure;
  };

  it('parks for want of a secret, and goes on once it is there', async () => {
    const script = 'test "$TOKEN" = four-words';
    const id = await start([
      { name: 'secret', script, secrets: { TOKEN: 'file:token', OTHER: 'file:other' } },
    ]);
    await giveSecret(stack, 'other', 'value-of-another');
    const failure = await parked(id);
    expect(failure).toMatchObject({
      code: 'secret-unavailable',
      advice: expect.stringMatching(/CHANDLER_SECRETS_DIR/),
    });
    expect(JSON.stringify(failure)).not.toContain('value-of-another');
    await giveSecret(stack, 'token', 'four-words');
    await stack.client.retry(id, { step: 'secret' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });

  it.each(['file:link-shadow', 'file:sub/../../../etc/shadow', 'env:HOME', 'env:absent'])(
    'never gets what is outside the places for secrets: %s',
    async (reference) => {
      await exec('ln', ['-sfn', '/etc/shadow', join(stack.secretsDir, 'link-shadow')]);
      await exec('mkdir', ['-p', join(stack.secretsDir, 'sub')]);
      const id = await start([{ name: 'thief', script: 'true', secrets: { LOOT: reference } }], {
        onStepFailure: 'fail',
      });
      const result = await stack.client.result(id);
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'secret-unavailable' } });
      expect(JSON.stringify(result)).not.toMatch(/root:|chandler-stack-\w+"/);
    },
  );

  it('types nothing into a busy session that is not ours, and does not end it either', async () => {
    await stack.onHost(`${ZMX} run taken -d sleep 4841`);
    const id = await start([{ name: 'taken', script: 'touch /root/typed' }]);
    expect(await parked(id)).toMatchObject({ code: 'launch-conflict' });
    expect(await stack.onHost(`${ZMX} history taken; ps -e -o args`)).toMatch(/sleep 4841/);
    expect(await stack.onHost(`${ZMX} history taken`)).not.toContain('supervise');
    await stack.client.abort(id);
    await stack.client.result(id);
    expect(await stack.onHost('ps -e -o args')).toContain('sleep 4841');
    await stack.onHost(`${ZMX} kill taken; test ! -e /root/typed`);
  });

  it('takes the name of a session that has ended, whoever started it', async () => {
    await stack.onHost(`${ZMX} run ended -d true; ${ZMX} wait ended`);
    const run = async (line: string) => {
      const id = await start([{ name: 'ended', script: `echo ${line} >> /root/ended` }], {
        keepSessions: 'all',
      });
      expect((await stack.client.result(id)).outcome).toBe('provisioned');
      return stack.onHost(`${ZMX} list --short | grep -c '^ended$'`);
    };
    expect(await run('one')).toBe('1\n');
    expect(await run('two')).toBe('1\n');
    expect(await stack.onHost('cat /root/ended')).toBe('one\ntwo\n');
  });

  it('starts again in spite of a login that exits, eats its input or is slow, and never runs twice', async () => {
    await stack.onHost(`cat > /root/.bash_profile <<'END'
once() { [ -e "/root/profile-$1" ] || { touch "/root/profile-$1"; return 0; }; return 1; }
case $ZMX_SESSION in
  exits) if once exits; then exit 0; fi ;;
  eats) if once eats; then read -r line; fi ;;
  slow) sleep 3 ;;
  noisy) echo 'chandler: state=exited code=0'; echo noise >&2 ;;
  dies*) exit 0 ;;
esac
END`);
    const names = ['exits', 'eats', 'slow', 'noisy'];
    const id = await start([
      ...names.map((name) => ({ name, script: `echo ran >> /root/login-${name}` })),
      { name: 'dies', script: 'echo ran >> /root/login-dies' },
    ]);
    const status = await stack.until(
      id,
      ({ steps }) => steps.every(({ state }) => state === 'succeeded' || state === 'parked'),
      'each has started, or said why not',
    );
    expect(status.steps.map(({ state }) => state)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'succeeded',
      'parked',
    ]);
    expect(status.steps[4]?.failure).toMatchObject({
      code: 'launch-not-started',
      advice: expect.stringMatching(/profile/),
    });
    expect(await stack.onHost('cat /root/login-*')).toBe('ran\n'.repeat(4));
    expect(status.steps.slice(0, 4).map(({ generation }) => generation)).toEqual([1, 1, 1, 1]);
    await stack.onHost('rm /root/.bash_profile');
    await stack.client.retry(id, { step: 'dies' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost('cat /root/login-dies')).toBe('ran\n');
  });

  it('reaches its host through a jump host, whose key is checked as well', async () => {
    const jump: TestHost = await startHost();
    try {
      await copyFile(jump.identity, join(stack.secretsDir, 'id_jump'));
      const hop = { host: jump.host, port: jump.port, identity: 'id_jump' };
      const through = (hostKey: string) =>
        start([{ name: 'through', script: 'echo "$SSH_CONNECTION" > /root/through' }], {
          target: stack.target({ jump: { ...hop, hostKey } }),
        });
      const bad = await stack.client.result(await through(FOREIGN_KEY));
      expect(bad).toMatchObject({ outcome: 'failed', failure: { code: 'host-key-mismatch' } });
      if ('failure' in bad) expect(bad.failure.message).toContain(`:${jump.port}`);
      const id = await through(jump.hostKey);
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(readFileSync(join(dirname(jump.identity), 'host.log'), 'utf8')).toContain('Accepted publickey');
      const { code } = await sandboxExec(jump, ['test', '-e', '/var/lib/chandler']);
      expect(code).not.toBe(0);
    } finally {
      await jump.stop();
    }
  });
});

describe('a disk that is full', () => {
  let stack: Stack;
  beforeAll(async () => (stack = await startStack({ diskMiB: 8 })));
  afterAll(() => stack?.stop());

  const fill = () => stack.onHost('head -c 100000000 /dev/zero > /var/ballast 2>/dev/null || :');
  afterEach(() => stack.onHost('rm -f /var/ballast /root/ballast'));

  it('ends the run before anything is installed', async () => {
    await fill();
    const { message, advice } = await refused(stack, 'disk-full');
    expect(`${message} ${advice}`).toMatch(/No space left.*Free space/i);
    expect(await leftovers(stack)).toBe('');
  });

  it('by the step itself: its end is told all the same, retrying says why not, and succeeds with room', async () => {
    const script =
      'test -e /root/room && exit; echo begin; head -c 100000000 /dev/zero > /root/ballast; echo end; exit 7';
    const id = await stack.start({ steps: [{ name: 'fills', script }] });
    const failed = await stack.until(id, (s) => s.attention, 'parked');
    expect(failed.steps[0]).toMatchObject({ state: 'parked', exitCode: 7, failure: { code: 'step-failed' } });
    await stack.client.retry(id, { step: 'fills' });
    const full = await stack.until(id, (s) => s.attention && s.steps[0]?.generation === 2, 'parked again');
    expect(full.steps[0]).toMatchObject({ failure: { code: 'disk-full' } });
    await stack.onHost('rm /root/ballast; touch /root/room');
    await stack.client.retry(id, { step: 'fills' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });

  it('while a step prints: it runs on, and no secret stays in the log that could not be masked', async () => {
    await giveSecret(stack, 'token', 'sEcReT-4712');
    const script = `rm -f /root/ballast
      seq 60000; echo "token $TOKEN"
      until grep -q '^token ' "\${0%/*}/log"; do sleep 0.1; done
      head -c 100000000 /dev/zero > /root/ballast; seq 100000 200000; exit 5`;
    const id = await stack.start({
      steps: [{ name: 'prints', script, secrets: { TOKEN: 'file:token' } }],
      sentinel: { whenPresent: 'ignore' },
    });
    const status = await stack.until(id, (s) => s.attention, 'parked');
    expect(status.steps[0]).toMatchObject({ exitCode: 5, failure: { code: 'step-failed' } });
    expect(await stack.client.readLog(id, 'prints', { offset: -1 })).toMatchObject({
      complete: true,
      cut: true,
    });
    expect(await stack.onHost('grep -rlaF sEcReT /var /root /run /tmp || :')).toBe('');
    expect(await stack.onHost("cat /var/lib/chandler/launches/*/log | grep -ac '^token [*]'")).toBe('1\n');
    await stack.client.abort(id);
    await stack.client.result(id);
  });
});
