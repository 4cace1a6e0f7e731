import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
const provision = async (plan: Parameters<Stack['start']>[0]) => {
  const id = await stack.start({ onStepFailure: 'fail', ...plan });
  const result = await stack.client.result(id);
  return { id, result, status: await stack.client.status(id) };
};

describe('a host that boots for the first time', () => {
  it('is provisioned without a person: its key comes after 40 s, the package manager is busy for 30 s more, and a step reboots it', async () => {
    await stack.onHost(`
      mv /root/.ssh/authorized_keys /root/.ssh/later
      mkdir -p /var/lib/dpkg /run/cloud-init
      cat >/root/boot.sh <<'EOF'
sleep 40
mv /root/.ssh/later /root/.ssh/authorized_keys
sleep 15
echo {} >/run/cloud-init/result.json
sleep 15
EOF
      setsid flock /var/lib/dpkg/lock-frontend sh /root/boot.sh </dev/null >/dev/null 2>&1 &
      cat >/usr/local/bin/cloud-init <<'EOF'
#!/bin/sh
if [ -e /run/cloud-init/result.json ]; then echo 'status: done'; else echo 'status: running'; fi
EOF
      chmod +x /usr/local/bin/cloud-init`);
    const refusedFromMs = Date.now();
    const before = await bootId();
    const steps = [
      {
        name: 'a',
        script: `test -e /run/cloud-init/result.json && flock -n /var/lib/dpkg/lock-frontend ${ledger('a')}`,
      },
      { name: 'b', script: `${ledger('b')}\n${reboot()}`, needs: ['a'], reboot: true as const },
      {
        name: 'c',
        script: `${ledger('c')}; cat /proc/sys/kernel/random/boot_id >>/root/ledger`,
        needs: ['b'],
      },
    ];
    const id = await stack.start({
      name: 'new',
      steps,
      bootstrap: { login: 'wait', cloudInit: true, packages: true, timeout: '120s' },
      target: stack.target({ connectTimeout: '120s' }),
    });
    const refused = await stack.until(id, ({ trouble }) => trouble !== undefined, 'the login is refused');
    expect(refused).toMatchObject({ attention: false, trouble: { code: 'auth-failed', isBooting: true } });
    await stack.until(id, ({ waitingFor }) => waitingFor === 'cloud-init', 'it waits for cloud-init');
    expect(Date.now() - refusedFromMs).toBeGreaterThan(40_000);
    await stack.until(id, ({ waitingFor }) => waitingFor === 'the package manager', 'it waits for the lock');
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect(Date.now() - refusedFromMs).toBeGreaterThan(70_000);
    const after = (await bootId()).trim();
    expect(after).not.toBe(before.trim());
    expect(await ran()).toEqual(['a', 'b', 'c', after]);
    expect((await stack.client.status(id)).steps[1]).toMatchObject({
      state: 'succeeded',
      notes: ['ended with the reboot of the host'],
    });
  });

  it.each([
    [{ packages: true }, '60s', 0],
    [{ packages: true, login: 'wait' as const }, '3s', 3000],
  ])(
    'with the bootstrap %j and a connectTimeout of %s gives up a refused login',
    async (bootstrap, connectTimeout, afterMs) => {
      const startedMs = Date.now();
      const { result } = await provision({
        steps: [{ name: 'a', script: 'true' }],
        bootstrap,
        target: stack.target({ user: 'later', connectTimeout }),
      });
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'auth-failed' } });
      expect(Date.now() - startedMs).toBeGreaterThanOrEqual(afterMs);
      expect(Date.now() - startedMs).toBeLessThan(60_000);
    },
  );

  it('waits until it may use sudo', async () => {
    await stack.onHost("mkdir -p /etc/sudoers.d; echo 'app ALL=(ALL) ALL' >/etc/sudoers.d/app");
    const id = await stack.start({
      steps: [{ name: 'a', script: ledger('a') }],
      run: { force: true },
      bootstrap: { login: 'wait' },
      target: stack.target({ user: 'app', become: 'sudo', connectTimeout: '60s' }),
    });
    const refused = await stack.until(id, ({ trouble }) => trouble !== undefined, 'sudo is refused');
    expect(refused).toMatchObject({ attention: false, trouble: { code: 'become-failed', isBooting: true } });
    await stack.onHost("echo 'app ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/app");
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect(await ran()).toEqual(['a']);
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

  it.each(['/var/lib/dpkg/lock', '/var/lib/rpm/.rpm.lock'])(
    'fails if the lock %s is not released in time, and names it',
    async (lock) => {
      // With fcntl, as dpkg and rpm lock.
      const hold = `import fcntl, time; f = open("${lock}", "w"); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(60)`;
      await stack.onHost(
        `mkdir -p /var/lib/rpm; setsid python3 -c '${hold}' </dev/null >/dev/null 2>&1 & echo $! >/run/holder`,
      );
      const { result } = await provision({
        steps: [{ name: 'a', script: 'true' }],
        bootstrap: { packages: true, timeout: '2s' },
      });
      await stack.onHost('kill $(cat /run/holder)');
      expect(result).toMatchObject({
        failure: {
          code: 'bootstrap-timeout',
          message: expect.stringContaining(`${lock} was not released within 2 s`) as string,
        },
      });
    },
  );
});

describe('a step that reboots its host', () => {
  it('after its script has ended is done once the host is back, and the next step runs on the new boot', async () => {
    const before = await bootId();
    const steps = [
      { name: 'a', script: ledger('a') },
      { name: 'b', script: `${ledger('b')}\n${reboot(3)}`, needs: ['a'], reboot: true as const },
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
