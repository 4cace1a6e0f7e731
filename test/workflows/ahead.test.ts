import { NativeConnection, Worker } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import { poll } from '../support/poll.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { workflowBundle } from '../support/built.ts';
import { beating, ended, failed, fakeActivities, startHarness, step, type Harness } from './harness.ts';

let harness: Harness;
let proxy: FaultProxy;
beforeAll(async () => {
  harness = await startHarness({ suggestContinueAsNewAt: 10_000 });
  proxy = await startFaultProxy(Number(harness.env.address.split(':').at(-1)));
});
afterAll(async () => {
  await proxy?.close();
  await harness?.stop();
});

/** A server's number for an event that asks for a worker. */
const WORKFLOW_TASK_SCHEDULED = 5;

it('a run that was shown while its worker was dead can be replayed, and what was said to it counts', async () => {
  const { env } = harness;
  const taskQueue = 'ahead';
  const over = new Map<string, () => void>();
  const { activities } = fakeActivities({
    waitStep: async ({ launch }) => {
      if (launch.generation > 1) return ended;
      await beating(new Promise<void>((resolve) => void over.set(launch.step, resolve)));
      throw failed(3);
    },
  });
  const common = { taskQueue, workflowBundle, activities, enableNonLocalActivities: false };
  const connection = await NativeConnection.connect({ address: `127.0.0.1:${proxy.port}` });
  const dies = await Worker.create({ ...common, connection, stickyQueueScheduleToStartTimeout: '8s' });
  const acts = await Worker.create({ connection: env.nativeConnection, taskQueue, activities });
  const running = [dies.run(), acts.run()];
  const client = createClient(env.client, taskQueue, async () => undefined);
  const start = async (workflowId: string) => {
    await client.start({ target: { host: 'h' }, steps: [step(workflowId)] }, { workflowId });
    const handle = env.client.workflow.getHandle(workflowId);
    const fetchLast = async () => (await handle.fetchHistory()).events?.at(-1)?.eventType;
    return { workflowId, handle, retry: () => handle.signal('retryStep', { step: workflowId }), fetchLast };
  };
  const early = await start('early');
  const late = await start('late');
  await poll(() => over.size === 2, 'both steps run');
  await proxy.refuse();
  proxy.reset();
  const lives = await Worker.create({ ...common, connection: env.nativeConnection });
  running.push(lives.run());

  // A query goes to the dead worker first, and is handed on; what comes meanwhile waits for the dead worker as much
  // longer as it came later.
  const asking = [client.status('early'), client.status('late')] as const;
  await delay(6000);
  await early.retry();
  over.get('late')?.();
  const [shownEarly, shownLate] = await Promise.all(asking);
  expect([shownEarly.attention, shownLate.attention]).toEqual([false, true]);
  expect([await early.fetchLast(), await late.fetchLast()]).toEqual([
    WORKFLOW_TASK_SCHEDULED,
    WORKFLOW_TASK_SCHEDULED,
  ]);
  over.get('early')?.();
  await late.retry();
  for (const { workflowId, handle } of [early, late]) {
    expect(await client.result(workflowId)).toMatchObject({ outcome: 'provisioned' });
    const { interventions } = await client.status(workflowId);
    expect(interventions).toMatchObject([{ action: 'retryStep', step: workflowId }]);
    const replayed = Worker.runReplayHistory({ workflowBundle }, await handle.fetchHistory(), workflowId);
    await expect(replayed).resolves.toBeUndefined();
  }

  await proxy.accept();
  for (const worker of [dies, acts, lives]) worker.shutdown();
  await Promise.all(running);
  await connection.close();
});
