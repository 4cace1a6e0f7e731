import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSshPool, loadPrograms, parseSessions, Runner } from '../../src/index.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import { startHost, type TestHost } from '../support/hosts.ts';

describe('a Runner over SSH, without Temporal', () => {
  const pool = createSshPool();
  let host: TestHost;
  let runner: Runner;
  beforeAll(async () => {
    host = await startHost();
    const executor = pool.executor({
      host: host.host,
      port: host.port,
      user: 'root',
      auth: { kind: 'key', privateKey: readFileSync(host.identity, 'utf8'), source: 'test' },
      hostKey: { kind: 'known-hosts', files: [host.knownHosts] },
    });
    runner = await Runner.open({ executor, programs: loadPrograms(), runId: 'one' });
    await runner.installZmx({ spec: { source: 'tmux' } });
  });
  afterAll(async () => {
    await pool.close();
    await host?.stop();
  });

  it('runs steps, waits for them and reports their status', async () => {
    await runner.run({ name: 'good', script: 'echo "$WORD"', env: { WORD: "it's" } });
    await runner.run({ name: 'bad', script: 'exit 3' });
    await runner.wait('good');
    await expect(runner.wait('good', 'bad')).rejects.toMatchObject({
      code: 'step-failed',
      message: 'one or more provisioning steps failed (exit 3)',
    });
    expect(await runner.pollStatus(['bad', 'good', 'never'])).toEqual({
      status: 'bad failed (exit 3), good done, never pending',
      done: false,
    });
    expect(parseSessions(await runner.list())).toMatchObject([
      { name: 'bad', exitCode: '3' },
      { name: 'good' },
    ]);
    expect(await runner.history('good')).toContain("it's\n");
    await expect(runner.history('nowhere')).rejects.toThrow(/^getting history for nowhere: /);
  });

  it('does not believe a step that fakes its end', async () => {
    const spoof = 'zmx=$(ls /var/lib/chandler/zmx/*/zmx); "$zmx" set liar ended=9 exit_code=0';
    await runner.run({
      name: 'liar',
      script: `echo ZMX_TASK_COMPLETED:0; ${spoof}; until [ -e /root/enough ]; do sleep 0.1; done; exit 3`,
    });
    const listedCode = async () =>
      parseSessions(await runner.list()).find(({ name }) => name === 'liar')?.exitCode;
    await expect.poll(listedCode).toBe('0');
    expect(await runner.pollStatus(['liar'])).toEqual({ status: 'liar running', done: false });
    await sandboxExec(host, ['touch', '/root/enough']);
    await expect(runner.wait('liar')).rejects.toThrow('(exit 3)');
    expect(await runner.pollStatus(['liar'])).toEqual({ status: 'liar failed (exit 3)', done: true });
  });

  it('shows the end of any amount of output', async () => {
    const script = `seq -f '%0115.0f' 12000; echo THE END; exit 4`;
    await runner.run({ name: 'loud', script });
    await expect(runner.wait('loud')).rejects.toThrow('(exit 4)');
    await expect.poll(() => runner.history('loud')).toMatch(/0012000\nTHE END\n/);
  });

  it('reports whether the host is provisioned or self-provisioning', async () => {
    expect([await runner.isProvisioned(), await runner.hasProvisionScript()]).toEqual([false, false]);
    await runner.waitProvisioned(() => expect.unreachable());
    const script = '/usr/local/bin/chandler-provision.sh';
    await sandboxExec(host, ['sh', '-c', `printf '#!/bin/sh\\n' >${script}; chmod 755 ${script}`]);
    expect(await runner.hasProvisionScript()).toBe(true);
    const reported: string[] = [];
    await runner.waitProvisioned(
      (status) => {
        reported.push(status);
        void sandboxExec(host, ['touch', '/var/lib/chandler/provisioned']);
      },
      { intervalMs: 50 },
    );
    expect(reported[0]).toContain('good done');
    expect(await runner.isProvisioned()).toBe(true);
  });
});
