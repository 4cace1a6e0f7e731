import { appendFile, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { chandler } from '../support/chandler.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Ends every SSH connection of the host, so that the next command needs a new login. */
const DROP = 'sh /etc/sandbox/sshd.sh drop';
const RELOAD = 'kill -HUP $(cat /run/sandbox/sshd.pid); sleep 0.5';
const NEW_KEY = `cd /etc/sandbox; cp -p host_key old_key; rm -f host_key; ssh-keygen -q -t ed25519 -N '' -f host_key; ${RELOAD}; ${DROP}`;
const OLD_KEY = `cd /etc/sandbox; rm -f host_key; cp -p old_key host_key; ${RELOAD}`;

const troubleOf = (status: RunStatus) => status.steps[0]?.trouble;
const sawTrouble = (status: RunStatus) => troubleOf(status) !== undefined;

describe('access-lost-midstep: a run', () => {
  let stack: Stack;
  let proxy: FaultProxy;
  beforeAll(async () => {
    stack = await startStack();
    proxy = await startFaultProxy(stack.host.port);
  });
  afterAll(async () => {
    await proxy?.close();
    await stack?.stop();
  });

  /** Expects that the step ran once and that the end of its launch counts, although the host was unreachable meanwhile. */
  const expectOneLaunch = async (id: string, mark: string) => {
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    const [status] = (await stack.client.status(id)).steps;
    expect(status).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(status).not.toHaveProperty('trouble');
    expect(await stack.onHost(`cat /root/${mark}`)).toBe('ran\n');
  };
  const needsPerson = (id: string, code: string) =>
    stack.until(id, (s) => s.attention && troubleOf(s)?.code === code, `${code} is shown`);

  it('survives a host key that changes and is later restored', async () => {
    const id = await stack.start({
      steps: [{ name: 'hostkey', script: `echo ran >> /root/hostkey; ${NEW_KEY}; sleep 3; echo still` }],
    });
    const status = await needsPerson(id, 'host-key-mismatch');
    expect(status.steps[0]).toMatchObject({ state: 'running', attempt: 1 });
    await delay(3000);
    await stack.onHost(OLD_KEY);
    await stack.client.retry(id, { step: 'hostkey' });
    await expectOneLaunch(id, 'hostkey');
  });

  it('survives a changed host key that the operator of the worker accepts', async () => {
    const { hostKey: _, ...target } = stack.target();
    const id = await stack.start({
      target,
      steps: [{ name: 'accepted', script: `echo ran >> /root/accepted; ${NEW_KEY}; sleep 1; echo still` }],
    });
    await needsPerson(id, 'host-key-mismatch');
    const key = (await stack.onHost('ssh-keygen -y -f /etc/sandbox/host_key')).trim();
    await appendFile(stack.host.knownHosts, `[${stack.host.host}]:${stack.host.port} ${key}\n`);
    // The run tries again by itself.
    await expectOneLaunch(id, 'accepted');
    await stack.onHost(OLD_KEY);
  });

  it('survives a missing authorized_keys file', async () => {
    const keys = '/root/.ssh/authorized_keys';
    const id = await stack.start({
      steps: [
        {
          name: 'keys',
          script: `echo ran >> /root/keys; mv ${keys} ${keys}.away; ${DROP}; until [ -e /root/keys-over ]; do sleep 0.2; done; mv ${keys}.away ${keys}; echo still`,
        },
      ],
    });
    await needsPerson(id, 'auth-failed');
    await stack.onHost('touch /root/keys-over');
    await expectOneLaunch(id, 'keys');
  });

  it('survives a missing identity on the worker', async () => {
    const id = await stack.start({
      steps: [
        {
          name: 'identity',
          script: 'echo ran >> /root/identity; until [ -e /root/identity-over ]; do sleep 0.2; done',
        },
      ],
    });
    await stack.until(id, (s) => s.steps[0]?.state === 'running', 'the step runs');
    const key = join(stack.secretsDir, 'id_test');
    await expect.poll(() => stack.onHost('cat /root/identity 2>/dev/null || true')).toBe('ran\n');
    await rename(key, `${key}.away`);
    await stack.onHost(DROP);
    await needsPerson(id, 'identity-unavailable');
    await rename(`${key}.away`, key);
    await stack.client.retry(id, { step: 'identity' });
    await stack.onHost('touch /root/identity-over');
    await expectOneLaunch(id, 'identity');
  });

  it('survives a silent network, and reports it in the status and the log within seconds', async () => {
    const id = await stack.start({
      target: stack.target({ port: proxy.port, connectTimeout: '10m' }),
      steps: [
        { name: 'hole', script: 'echo ran >> /root/hole; until [ -e /root/hole-over ]; do sleep 0.2; done' },
      ],
    });
    await expect.poll(() => stack.onHost('cat /root/hole 2>/dev/null || true')).toBe('ran\n');
    await delay(500);
    const begin = Date.now();
    proxy.setMode('blackhole');
    const status = await stack.until(id, sawTrouble, 'trouble is shown');
    const { sinceMs = 0 } = troubleOf(status) ?? {};
    // The worker gives up a silent connection after 6 to 9 s, the run after ten minutes. A busy machine takes longer.
    expect(Date.now() - begin).toBeLessThan(30_000);
    expect(sinceMs).toBeGreaterThan(begin);
    const shown = await chandlerHere(
      ['status', id, '--address', stack.address, '--task-queue', stack.taskQueue],
      {
        home: stack.secretsDir,
      },
    );
    expect(shown.stdout).toMatch(/hole .*the host cannot be reached since \d\d:\d\d:\d\d: /);
    // A followed log ends with its step.
    const restore = async () => {
      proxy.setMode('pass');
      await stack.until(id, (s) => !sawTrouble(s), 'trouble is over');
      await stack.onHost('touch /root/hole-over');
    };
    const log = await chandler(
      ['logs', id, 'hole', '--follow', '--address', stack.address, '--task-queue', stack.taskQueue],
      { home: stack.secretsDir, when: { shows: /the host cannot be reached/, act: restore } },
    );
    expect(log.stderr).toContain('hole: the host cannot be reached');
    expect(log.exitCode).toBe(0);
    await expectOneLaunch(id, 'hole');
  });

  it('step-edits-bashrc: runs the next step after one makes the login print without a line end', async () => {
    const bashrc = '/root/.bashrc';
    await stack.onHost(`cp ${bashrc} ${bashrc}.before 2>/dev/null || : > ${bashrc}.before`);
    const nvm = `echo 'printf "\\033[?25h\\033[0G\\033[K"' >> ~/.bashrc; echo done`;
    const id = await stack.start({
      onStepFailure: 'continue',
      steps: [
        { name: 'nvm', timeout: '8s', script: nvm },
        { name: 'after', needs: ['nvm'], script: 'echo after' },
      ],
    });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect(await stack.onHost(`cat ${bashrc}; mv ${bashrc}.before ${bashrc}`)).toMatch(
      /printf "\\033\[\?25h/,
    );
  });

  it("step-edits-bashrc: reports why it cannot ask the host after a step breaks the login, and keeps the step's timeout", async () => {
    const bashrc = '/root/.bashrc';
    await stack.onHost(`cp ${bashrc} ${bashrc}.before 2>/dev/null || : > ${bashrc}.before`);
    const id = await stack.start({
      onStepFailure: 'continue',
      steps: [
        {
          name: 'nvm',
          timeout: '8s',
          script: `sleep 1; printf 'exit 0\\n' | cat - ${bashrc}.before > ${bashrc}; ${DROP}; sleep 600`,
        },
        { name: 'after', needs: ['nvm'], script: 'echo after' },
      ],
    });
    const status = await stack.until(id, (s) => troubleOf(s)?.code === 'step-unverifiable', 'its time is up');
    expect(status.attention).toBe(true);
    expect(troubleOf(status)?.message).toMatch(/^its time \(8 s\) is up and the host cannot be reached: /);
    await stack.onHost(`mv ${bashrc}.before ${bashrc}`);
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'step-timeout' },
    });
    expect((await stack.client.status(id)).steps).toMatchObject([{ state: 'failed' }, { state: 'blocked' }]);
    expect(await stack.onHost('ps -e -o args')).not.toContain('sleep 600');
  });

  it('ends the running launch and starts another on a forced retry', async () => {
    const id = await stack.start({
      steps: [{ name: 'forced', script: '[ "$CHANDLER_ATTEMPT" -gt 1 ] || exec sleep 4771' }],
    });
    await expect.poll(() => stack.onHost('ps -e -o args')).toContain('sleep 4771');
    const answer = await chandlerHere(
      ['retry', id, 'forced', '--force', '--address', stack.address, '--task-queue', stack.taskQueue],
      { home: stack.secretsDir },
    );
    expect(answer).toMatchObject({ exitCode: 0, stdout: 'forced runs again\n' });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect((await stack.client.status(id)).steps[0]).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(await stack.onHost('ps -e -o args')).not.toContain('sleep 4771');
  });

  it('ends at once on an abort without the identity, and reports what may still run', async () => {
    const id = await stack.start({
      target: stack.target({ connectTimeout: '10m' }),
      steps: [{ name: 'left', script: 'sleep 4772' }],
    });
    const key = join(stack.secretsDir, 'id_test');
    await stack.until(id, (s) => s.steps[0]?.state === 'running', 'the step runs');
    await expect.poll(() => stack.onHost('ps -e -o args')).toContain('sleep 4772');
    await rename(key, `${key}.away`);
    await stack.onHost(DROP);
    await needsPerson(id, 'identity-unavailable');
    // Without waiting for the identity, which would take until the connect timeout.
    await stack.client.abort(id, { reason: 'enough' });
    const { failure } = (await stack.client.result(id)) as { failure: { message: string } };
    expect(failure.message).toContain('left could not be killed and may still run: ');
    await rename(`${key}.away`, key);
    expect(await readFile(key, 'utf8')).toContain('PRIVATE KEY');
  });
});
