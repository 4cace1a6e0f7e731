import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { startStack, type Stack } from '../support/stack.ts';

// What runs inside the host is confined already.
const program = readFileSync(new URL('../support/reboot.sh', import.meta.url), 'utf8').replace(
  'sh /etc/sandbox/confined.sh ',
  '',
);
/** Part of a script: reboots the sandbox host, which loses its processes and /run and keeps its disk, after so many seconds. */
const reboot = (afterS = 0) => `cat >/root/reboot.sh <<'EOF'
sleep ${afterS}
${program}EOF
setsid sh /root/reboot.sh </dev/null >/dev/null 2>&1 &
sleep ${afterS === 0 ? 60 : 0.2}`;
/** Part of a script: notes that the step ran. */
const ledger = (name: string) => `echo ${name} >>/root/ledger`;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());
beforeEach(() => stack.onHost('rm -rf /root/ledger /var/lib/chandler/provisioned'));

const ran = async () => (await stack.onHost('cat /root/ledger')).trim().split('\n');
const bootId = () => stack.onHost('cat /run/sandbox/boot_id');
const provision = async (plan: Omit<Plan, 'target'>) => {
  const id = await stack.start({ onStepFailure: 'fail', ...plan });
  const result = await stack.client.result(id);
  return { id, result, status: await stack.client.status(id) };
};

describe('a host that boots for the first time', () => {
  it('is provisioned once its key, cloud-init and the package manager are ready, without a person', async () => {
    await stack.onHost(`
      mv /root/.ssh/authorized_keys /root/.ssh/later
      mkdir -p /var/lib/dpkg /run/cloud-init
      setsid flock /var/lib/dpkg/lock-frontend sh -c 'until [ -e /run/installed ]; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &
      cat >/usr/local/bin/cloud-init <<'EOF'
#!/bin/sh
if [ -e /run/cloud-init/result.json ]; then echo 'status: done'; else echo 'status: running'; fi
EOF
      chmod +x /usr/local/bin/cloud-init`);
    const id = await stack.start({
      steps: [
        {
          name: 'a',
          script: `test -e /run/cloud-init/result.json && flock -n /var/lib/dpkg/lock-frontend ${ledger('a')}`,
        },
      ],
      bootstrap: { login: 'wait', cloudInit: true, packages: true, timeout: '60s' },
      target: stack.target({ connectTimeout: '60s' }),
    });
    const refused = await stack.until(id, ({ trouble }) => trouble !== undefined, 'the login is refused');
    expect(refused).toMatchObject({ attention: false, trouble: { code: 'auth-failed', isBooting: true } });
    await stack.onHost('mv /root/.ssh/later /root/.ssh/authorized_keys');
    await stack.until(id, ({ waitingFor }) => waitingFor === 'cloud-init', 'it waits for cloud-init');
    await stack.onHost('echo {} >/run/cloud-init/result.json');
    await stack.until(id, ({ waitingFor }) => waitingFor === 'the package manager', 'it waits for the lock');
    await stack.onHost('touch /run/installed');
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
  });

  it.each([
    ['fails', 1, { outcome: 'failed', failure: { code: 'bootstrap-failed' } }],
    ['recovered from errors', 2, { outcome: 'provisioned' }],
  ])('with a cloud-init that %s', async (_, code, outcome) => {
    await stack.onHost(`
      mkdir -p /run/cloud-init; echo {} >/run/cloud-init/result.json
      printf '#!/bin/sh\\necho "status: x"; echo "(runcmd, exit 3)"; exit ${code}\\n' >/usr/local/bin/cloud-init
      chmod +x /usr/local/bin/cloud-init`);
    const { result, status } = await provision({
      steps: [{ name: 'a', script: ledger('a') }],
      bootstrap: { cloudInit: true },
    });
    expect(result).toMatchObject(outcome);
    expect(JSON.stringify([status.failure?.message, status.notes])).toContain('(runcmd, exit 3)');
  });

  it('without cloud-init fails a plan that waits for it', async () => {
    await stack.onHost('rm -f /usr/local/bin/cloud-init');
    const { result } = await provision({
      steps: [{ name: 'a', script: 'true' }],
      bootstrap: { cloudInit: true },
    });
    expect(result).toMatchObject({
      failure: { code: 'host-unsupported', message: expect.stringContaining('no cloud-init') as string },
    });
  });

  it('fails if the lock of the package manager is not released in time, and names the lock', async () => {
    await stack.onHost('setsid flock /var/lib/dpkg/lock sleep 60 </dev/null >/dev/null 2>&1 &');
    const { result } = await provision({
      steps: [{ name: 'a', script: 'true' }],
      bootstrap: { packages: true, timeout: '2s' },
    });
    expect(result).toMatchObject({
      failure: {
        code: 'bootstrap-timeout',
        message: expect.stringContaining('/var/lib/dpkg/lock was not released within 2 s') as string,
      },
    });
  });
});

describe('a step that reboots its host', () => {
  it.each([
    ['at once', reboot()],
    ['after its script has ended', reboot(3)],
  ])('is done once the host is back, %s, and the next step runs on the new boot', async (_, script) => {
    const before = await bootId();
    const steps = [
      { name: 'a', script: ledger('a') },
      { name: 'b', script: `${ledger('b')}\n${script}`, needs: ['a'], reboot: true as const },
      {
        name: 'c',
        script: `${ledger('c')}; cat /proc/sys/kernel/random/boot_id >>/root/ledger`,
        needs: ['b'],
      },
    ];
    const { result, status } = await provision({ name: 'web', run: { force: true }, steps });
    expect(result).toMatchObject({ outcome: 'provisioned' });
    const after = (await bootId()).trim();
    expect(after).not.toBe(before.trim());
    expect(await ran()).toEqual(['a', 'b', 'c', after]);
    expect(status.steps[1]).toMatchObject({
      state: 'succeeded',
      notes: ['ended with the reboot of the host'],
    });
    const again = await provision({ name: 'web', steps, sentinel: { whenPresent: 'ignore' } });
    expect(again.status.steps.map(({ state }) => state)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(await ran()).toHaveLength(4);
  });

  it('runs while no other step does', async () => {
    const steps = [
      { name: 'a', script: `sleep 3; ${ledger('a')}` },
      { name: 'b', script: `${ledger('b')}\n${reboot()}`, reboot: true as const },
      { name: 'c', script: `sleep 3; ${ledger('c')}` },
    ];
    const { result } = await provision({ steps });
    expect(result).toMatchObject({ outcome: 'provisioned' });
    expect((await ran()).toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('that may reboot it and does not is done at once', async () => {
    const { status } = await provision({ steps: [{ name: 'a', script: ledger('a'), reboot: 'allowed' }] });
    expect(status).toMatchObject({ phase: 'provisioned', steps: [{ state: 'succeeded' }] });
    expect(status.steps[0]).not.toHaveProperty('notes');
  });

  it.each([
    ['fails as it would without a reboot', 'exit 3', '60s', 'step-failed'],
    ['has time for that until its timeout', 'true', '5s', 'step-timeout'],
  ])('%s', async (_, script, timeout, code) => {
    const { result, status } = await provision({
      name: 'late',
      steps: [{ name: 'a', script, reboot: true, timeout }],
    });
    expect(result).toMatchObject({ outcome: 'failed', failure: { code } });
    expect(status.steps[0]?.state).toBe('failed');
    const again = await provision({
      name: 'late',
      steps: [{ name: 'a', script, reboot: 'allowed', timeout: '60s' }],
    });
    expect(again.status.steps[0]?.state).toBe(code === 'step-failed' ? 'failed' : 'succeeded');
  });

  it('that does not declare it is interrupted', async () => {
    const { result } = await provision({ steps: [{ name: 'a', script: reboot() }] });
    expect(result).toMatchObject({
      failure: { code: 'step-interrupted', message: expect.stringContaining('the host rebooted') as string },
    });
  });
});
