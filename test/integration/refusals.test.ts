import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PartFailure } from '../../src/domain/run/status.ts';
import type { Plan, Target } from '../../src/domain/plan/schema.ts';
import { sandboxExec, sandboxSshd } from '../support/sandbox-control.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';

const exec = promisify(execFile);
const ZMX = 'ZMX_DIR=/run/chandler/zmx zmx';
/** A fingerprint that belongs to no key. */
const FOREIGN_KEY = `SHA256:${'A'.repeat(43)}`;

type Change = Omit<Partial<Plan>, 'target'> & { target?: Partial<Target> };

/**
 * Runs a plan with one step that must never run. Expects a failure with this code and one line of advice, long before the connect
 * timeout unless the plan sets another.
 */
async function refused(stack: Stack, code: string, { target, ...plan }: Change = {}): Promise<PartFailure> {
  const id = await stack.start({
    steps: [{ name: 'never', script: 'touch /root/never' }],
    sentinel: { whenPresent: 'ignore' },
    ...plan,
    target: stack.target({ connectTimeout: '10m', ...target }),
  });
  const result = await stack.client.result(id);
  expect(result).toMatchObject({ outcome: 'failed', failure: { code } });
  if (!('failure' in result)) throw new Error('not refused');
  expect(result.failure.advice).toMatch(/^\S.*\.?$/);
  await stack.onHost('test ! -e /root/never && test ! -e /var/lib/chandler/provisioned');
  return result.failure;
}

/** The files in Chandler's directories on the host, except its own programs. */
const leftovers = (stack: Stack) =>
  stack.onHost(
    'cd /; find var/lib/chandler run/chandler usr/local/bin/zmx ! -type d ! -path "*/bin/host-*" ! -path "*/bin/supervise-*" ! -name lease.lock 2>/dev/null || :',
  );
const clean = (stack: Stack) =>
  stack.onHost('rm -rf /var/lib/chandler/* /run/chandler /usr/local/bin/zmx /root/never');

describe('a run', () => {
  let stack: Stack;
  let trusted: string;
  beforeAll(async () => {
    stack = await startStack();
    trusted = await readFile(stack.host.knownHosts, 'utf8');
    // Makes sshd log every attempt to log in.
    await stack.onHost('echo "LogLevel DEBUG1" >> /etc/sandbox/sshd_config');
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
  });
  afterAll(() => stack?.stop());

  const sshdLog = () => readFileSync(`${stack.host.root}/var/log/sshd.log`, 'utf8');

  /** Runs `work`. Returns what sshd logged meanwhile. */
  const logDuring = async (work: () => Promise<unknown>): Promise<string> => {
    const before = sshdLog().length;
    await work();
    await expect.poll(() => sshdLog().slice(before)).toContain('[preauth]');
    return sshdLog().slice(before);
  };

  describe('fails because of the host key', () => {
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
        'changed, even with accept-new',
        'host-key-mismatch',
        () => foreign,
        'accept-new',
        /records a different key/,
      ],
    ])('before any login if the key is %s', async (_, code, knownHosts, hostKey, says) => {
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

    it('unless accept-new records a new key, in its own file beside known_hosts', async () => {
      await writeFile(stack.host.knownHosts, '');
      const run = async (hostKey: string) => {
        const id = await stack.start({
          target: stack.target({ hostKey }),
          steps: [{ name: 'runs', script: 'true' }],
          sentinel: { whenPresent: 'ignore' },
        });
        return stack.client.result(id);
      };
      const learned = `${stack.host.knownHosts}.learned/direct`;
      try {
        expect((await run('accept-new')).outcome).toBe('provisioned');
        expect((await readFile(learned, 'utf8')).trim().split(' ', 3)).toEqual(trusted.trim().split(' ', 3));
        expect(await readFile(stack.host.knownHosts, 'utf8')).toBe('');
        expect((await run('accept-new')).outcome).toBe('provisioned');
        expect(await run('known_hosts')).toMatchObject({ failure: { code: 'host-key-unknown' } });
      } finally {
        await writeFile(stack.host.knownHosts, trusted);
      }
      await clean(stack);
    });
  });

  describe('fails because it cannot log in', () => {
    it('with a key that the host does not accept', async () => {
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
    ])(
      'with an identity that is invalid or outside the allowed directory, which it never reads: %s',
      async (identity) => {
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
      },
    );

    it('after the connect timeout of the plan on a port that nothing listens on', async () => {
      const proxy = await startFaultProxy(1);
      await proxy.close();
      const begin = Date.now();
      const { message, advice } = await refused(stack, 'host-unreachable', {
        target: { port: proxy.port, connectTimeout: '2s' },
      });
      expect(Date.now() - begin).toBeGreaterThan(1000);
      // The server returns the error of the last attempt, or a timeout if another attempt is running.
      expect(`${message} ${advice}`).toMatch(/ECONNREFUSED.*Nothing listens on that port|no answer in time/);
    });

    it('on a host that accepts connections and never responds', async () => {
      const proxy = await startFaultProxy(stack.host.port);
      proxy.setMode('blackhole');
      const { message } = await refused(stack, 'host-unreachable', {
        target: { port: proxy.port, connectTimeout: '2s' },
      });
      expect(message).toContain('no answer in time');
      await proxy.close();
    });
  });

  describe('on an unsuitable host', () => {
    const permitRoot = (how: string) =>
      `sed -i 's/^PermitRootLogin .*/PermitRootLogin ${how}/' /etc/sandbox/sshd_config; kill -HUP $(cat /run/sandbox/sshd.pid); sleep 0.5; sh /etc/sandbox/sshd.sh drop`;
    const hide = (tool: string) => `mv $(readlink -f $(command -v ${tool})) /usr/bin/.hidden-${tool}`;
    const show = (tool: string) => `mv /usr/bin/.hidden-${tool} /usr/bin/${tool}`;
    const login = (text: string) =>
      `touch /root/.bashrc; mv /root/.bashrc /root/.kept; echo '${text}' >/root/.bashrc`;
    const LOGIN_AGAIN = 'mv /root/.kept /root/.bashrc';

    it.each<[what: string, code: string, damage: string, repair: string, says: RegExp, plan?: Change]>([
      ['no flock', 'host-unsupported', hide('flock'), show('flock'), /no flock.*Install util-linux/],
      ['no-base64', 'host-unsupported', hide('base64'), show('base64'), /no base64.*Install coreutils/],
      ['no tee', 'host-unsupported', hide('tee'), show('tee'), /no tee on.*Install coreutils/],
      [
        'rc-exit0: a login that ends before the command',
        'login-interferes',
        login('echo bye; exit 0'),
        LOGIN_AGAIN,
        /ends or replaces the shell \(exit 0\).*“bye”.*~\/\.bashrc/,
      ],
      [
        'rc-other-shell: a login that becomes fish',
        'login-interferes',
        login('exec fish'),
        LOGIN_AGAIN,
        /replaces the shell.*interactive shells only/,
      ],
      [
        'A2: a forced command, the only kind of login that root has',
        'login-interferes',
        `cp -p /root/.ssh/authorized_keys /root/.ssh/kept; sed -i 's/^/command="echo restricted" /' /root/.ssh/authorized_keys; ${permitRoot('forced-commands-only')}`,
        `mv /root/.ssh/kept /root/.ssh/authorized_keys; ${permitRoot('prohibit-password')}`,
        /forced command.*“restricted”.*command= in authorized_keys/,
      ],
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
        'no space for the state directory',
        'disk-full',
        'mkdir -p /var/lib/chandler; mount -t tmpfs -o size=64k none /var/lib/chandler; head -c 1000000 /dev/zero > /var/lib/chandler/ballast || :',
        'umount /var/lib/chandler',
        /No space left.*Free space/,
      ],
    ])('fails with advice: %s', async (_, code, damage, repair, says, plan) => {
      await clean(stack);
      await stack.onHost(damage, { asMachine: true });
      let left: string;
      try {
        const { message, advice } = await refused(stack, code, plan);
        expect(`${message} ${advice}`).toMatch(says);
      } finally {
        left = await leftovers(stack);
        await stack.onHost(repair, { asMachine: true });
      }
      expect(left.replace(/^var\/lib\/chandler(\/ballast)?\n$/m, '')).toBe('');
    });

    it('succeeds once the faults are fixed', async () => {
      const id = await stack.start({ steps: [{ name: 'fixed', script: 'true' }] });
      expect((await stack.client.result(id)).outcome).toBe('provisioned');
      await clean(stack);
    });
  });

  describe('fails because of the sentinel', () => {
    it.each(['/root', '/root/fifo'])('if %s is not a readable file', async (path) => {
      await stack.onHost('test -e /root/fifo || mkfifo /root/fifo');
      const id = await stack.start({ steps: [{ name: 'ran', script: 'true' }], sentinel: { path } });
      const result = await stack.client.result(id);
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'sentinel-missing' } });
    });
  });

  describe('with a bootstrap marker', () => {
    it('C14: waits until the marker appears', async () => {
      const id = await stack.start({
        steps: [{ name: 'boots', script: 'test -e /root/booted' }],
        bootstrap: { marker: '/root/booted', timeout: '20s' },
        sentinel: { whenPresent: 'ignore' },
      });
      await stack.until(id, (status) => status.waitingFor === '/root/booted', 'it waits');
      await stack.onHost('touch /root/booted');
      expect((await stack.client.result(id)).outcome).toBe('provisioned');
      await clean(stack);
    });

    it('fails if the marker never appears', async () => {
      const { message } = await refused(stack, 'bootstrap-timeout', {
        bootstrap: { marker: '/root/never-booted', timeout: '1s' },
      });
      expect(message).toContain('/root/never-booted');
      expect(await leftovers(stack)).toBe('');
    });
  });
});

describe('a run with a step that cannot start', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
    // Installs zmx for the commands below.
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

  it('C9: fails before its first step if its last one lacks a secret, and reports everything that is missing', async () => {
    await addSecret(stack, 'other', 'value-of-another');
    const steps = [
      { name: 'first', script: 'touch /root/begun' },
      {
        name: 'secret',
        script: 'test "$TOKEN" = four-words',
        secrets: { TOKEN: 'file:token', OTHER: 'file:other', WORD: 'env:ABSENT' },
      },
    ];
    const result = await stack.client.result(await start(steps, { zmx: { source: 'file', file: 'absent' } }));
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'zmx-unavailable',
        message: expect.stringMatching(
          /^zmx: absent: .*\nsteps\[1\]\.secrets\.TOKEN: token: not a file .*\nsteps\[1\]\.secrets\.WORD: .* CHANDLER_SECRET_ABSENT$/,
        ) as string,
        advice: expect.stringMatching(/zmx\.source.*CHANDLER_SECRETS_DIR/) as string,
      },
    });
    expect(JSON.stringify(result)).not.toContain('value-of-another');
    await stack.onHost('test ! -e /root/begun && test ! -e /var/lib/chandler/lease');
  });

  it('parks if a secret disappears meanwhile, and continues once it is back', async () => {
    await addSecret(stack, 'token', 'four-words');
    const id = await start([
      { name: 'first', script: 'until test -e /root/gone; do sleep 0.2; done' },
      {
        name: 'secret',
        script: 'test "$TOKEN" = four-words',
        needs: ['first'],
        secrets: { TOKEN: 'file:token' },
      },
    ]);
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the first step runs');
    await rm(join(stack.secretsDir, 'token'));
    await stack.onHost('touch /root/gone');
    const { steps } = await stack.until(id, ({ attention }) => attention, 'parked');
    expect(steps[1]?.failure).toMatchObject({
      code: 'secret-unavailable',
      advice: expect.stringMatching(/CHANDLER_SECRETS_DIR/) as string,
    });
    await addSecret(stack, 'token', 'four-words');
    await stack.client.retry(id, { step: 'secret' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });

  it.each(['file:link-shadow', 'file:sub/../../../etc/shadow', 'env:HOME', 'env:absent'])(
    'never reads secrets outside the allowed places: %s',
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

  it('neither types into a busy foreign session nor ends it', async () => {
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

  it('reuses the name of an ended session, whatever program started it', async () => {
    await stack.onHost(`${ZMX} run ended -d true; until ${ZMX} list | grep exit_code=0; do sleep 0.1; done`);
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

  it('starts the step again if a login exits, swallows input or is slow, and never runs it twice', async () => {
    await stack.onHost(`cat > /root/.bash_profile <<'END'
once() { [ -e "/root/profile-$1" ] || { touch "/root/profile-$1"; return 0; }; return 1; }
case $ZMX_SESSION in
  exits) if once exits; then exit 0; fi ;;
  eats) if once eats; then read -r line; fi ;;
  slow) sleep 3 ;;
  noisy) echo 'chandler: state=exited code=0'; echo noise >&2 ;;
  dies*) exit 0 ;;
  fish*) exec fish -l ;;
  asks*) read -p 'code: ' code; read -p 'again: ' code ;;
esac
END`);
    const names = ['exits', 'eats', 'slow', 'noisy'];
    const id = await start([
      ...names.map((name) => ({ name, script: `echo ran >> /root/login-${name}` })),
      ...['dies', 'fish', 'asks'].map((name) => ({ name, script: `echo ran >> /root/login-${name}` })),
    ]);
    const status = await stack.until(
      id,
      ({ steps }) => steps.every(({ state }) => state === 'succeeded' || state === 'parked'),
      'each step has started or is parked',
    );
    expect(status.steps.map(({ state }) => state)).toEqual([
      'succeeded',
      'succeeded',
      'succeeded',
      'succeeded',
      'parked',
      'parked',
      'parked',
    ]);
    for (const [i, said] of [/the session ended/, /swallowed/, /swallowed.* printed: .*again:/].entries())
      expect(status.steps[4 + i]?.failure).toMatchObject({
        code: 'launch-not-started',
        message: expect.stringMatching(said),
        advice: expect.stringMatching(/profile/),
      });
    expect(await stack.onHost('cat /root/login-*')).toBe('ran\n'.repeat(4));
    expect(status.steps.slice(0, 4).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    await stack.onHost('rm /root/.bash_profile');
    for (const step of ['dies', 'fish', 'asks']) await stack.client.retry(id, { step });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost('cat /root/login-*')).toBe('ran\n'.repeat(7));
  });

  it('reaches its host through a jump host, and checks the key of both', async () => {
    const jump: TestHost = await startHost();
    try {
      await copyFile(jump.identity, join(stack.secretsDir, 'id_jump'));
      const hop = { host: jump.host, port: jump.port, identity: 'id_jump' };
      const through = (hostKey: string) =>
        start([{ name: 'through', script: 'echo "$SSH_CONNECTION" > /root/through' }], {
          target: stack.target({ jump: [{ ...hop, hostKey }] }),
        });
      const bad = await stack.client.result(await through(FOREIGN_KEY));
      expect(bad).toMatchObject({ outcome: 'failed', failure: { code: 'host-key-mismatch' } });
      if ('failure' in bad) expect(bad.failure.message).toContain(`:${jump.port}`);
      const id = await through(jump.hostKey);
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(readFileSync(`${jump.root}/var/log/sshd.log`, 'utf8')).toContain('Accepted publickey');
      const { code } = await sandboxExec(jump, ['test', '-e', '/var/lib/chandler']);
      expect(code).not.toBe(0);
    } finally {
      await jump.stop();
    }
  });
});

describe('a full disk', () => {
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

  it('does not hide the end of a step that filled it, fails a retry, and allows one after space is freed', async () => {
    const script =
      'test -e /root/room && exit; echo begin; head -c 100000000 /dev/zero > /root/ballast; echo end; exit 7';
    const id = await stack.start({ steps: [{ name: 'fills', script }] });
    const failed = await stack.until(id, (s) => s.attention, 'parked');
    expect(failed.steps[0]).toMatchObject({ state: 'parked', exitCode: 7, failure: { code: 'step-failed' } });
    await stack.client.retry(id, { step: 'fills' });
    const full = await stack.until(id, (s) => s.attention && s.steps[0]?.attempt === 2, 'parked again');
    expect(full.steps[0]).toMatchObject({ failure: { code: 'disk-full' } });
    await stack.onHost('rm /root/ballast; touch /root/room');
    await stack.client.retry(id, { step: 'fills' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });

  it('does not stop a step that prints, nor leave an unmasked secret in its log', async () => {
    await addSecret(stack, 'token', 'sEcReT-4712');
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
