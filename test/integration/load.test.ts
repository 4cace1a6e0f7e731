import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Target } from '../../src/domain/plan/schema.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { startStack, type Stack, type WorkerProcess } from '../support/stack.ts';

const WAITS = 4;
const STEPS = 6;
const FULL = `all ${WAITS} slots for waits are in use on this worker`;

describe('E1: a worker whose slots for waits are all in use', () => {
  let stack: Stack;
  let other: TestHost;
  let target: Target;
  let busy: string;
  let worker: WorkerProcess;
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    other = await startHost();
    await copyFile(other.identity, join(stack.secretsDir, 'id_other'));
    target = stack.target({ port: other.port, identity: 'id_other', hostKey: other.hostKey });
    worker = await stack.startWorker({
      CHANDLER_MAX_WAITS: String(WAITS),
      CHANDLER_MAX_SHORT_ACTIVITIES: '4',
    });
    const script = 'echo begun; until test -e /root/go; do sleep 0.1; done';
    const steps = Array.from({ length: STEPS }, (_, i) => ({ name: `wait-${i}`, script }));
    busy = await stack.start({ name: 'busy', steps });
    await stack.until(busy, ({ steps }) => steps.every(({ state }) => state === 'running'), 'all steps run');
  });
  afterAll(async () => {
    await stack?.stop();
    await other?.stop();
  });

  /** The messages of the refused waits in the status. */
  const refusals = async (id: string) => {
    const { steps } = await stack.client.status(id);
    return steps.flatMap(({ trouble }) => (trouble?.code === 'no-worker' ? [trouble.message] : []));
  };

  it('is reported in the status all the time, and by doctor', async () => {
    await expect.poll(() => refusals(busy)).toHaveLength(STEPS - WAITS);
    for (let i = 0; i < 50; i += 1) {
      const found = await refusals(busy);
      expect(found).toHaveLength(STEPS - WAITS);
      for (const message of found) expect(message).toContain(FULL);
      await setTimeout(200);
    }
    const { stdout } = await chandlerHere(['doctor', '--json'], {
      home: stack.secretsDir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    });
    const { findings } = JSON.parse(stdout) as { findings: { id: string }[] };
    const message = expect.stringContaining(FULL) as string;
    expect(findings.find(({ id }) => id === 'slots')).toMatchObject({ verdict: 'warning', message });
  });

  it('reads logs, even of steps whose waits were refused', async () => {
    for (let i = 0; i < STEPS; i += 1)
      expect((await stack.client.readLog(busy, `wait-${i}`)).text).toContain('begun');
  });

  it('serves further runs with failures and retries to their ends', async () => {
    const failsOnce = '[ "$CHANDLER_ATTEMPT" -gt 1 ]';
    const id = await stack.start({
      name: 'short',
      target,
      steps: [{ name: 'first', script: failsOnce, finalize: 'echo done' }],
    });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'parked', 'the failure is noticed');
    await stack.client.retry(id, { step: 'first' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });

  it('ends aborted runs whose waits were refused', async () => {
    const script = 'echo $$ >/root/pid; exec sleep 7441';
    const id = await stack.start({ name: 'long', target, steps: [{ name: 'last', script }] });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step runs');
    await expect.poll(() => refusals(id)).toHaveLength(1);
    await stack.client.abort(id);
    expect((await stack.client.result(id)).outcome).toBe('aborted');
    const { code } = await sandboxExec(other, ['sh', '-c', 'kill -0 "$(cat /root/pid)"']);
    expect(code).not.toBe(0);
  });

  it('notices every end, even of steps whose waits were refused', async () => {
    await stack.onHost('touch /root/go');
    expect((await stack.client.result(busy)).outcome).toBe('provisioned');
  });

  it('is replaced by one whose slots the resource-based tuner gives', async () => {
    await worker.kill('SIGTERM');
    await stack.startWorker({ CHANDLER_SLOTS: 'resources' });
    const steps = ['a', 'b'].map((name) => ({ name, script: 'sleep 1' }));
    const id = await stack.start({ name: 'tuned', target, steps });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });
});
