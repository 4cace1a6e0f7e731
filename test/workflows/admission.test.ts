import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client.ts';
import { workflowBundle } from '../support/built.ts';
import { currentDetails, fakeActivities, startHarness, step, type Harness } from './harness.ts';

describe('a run whose plan is being judged', () => {
  let harness: Harness;
  beforeAll(async () => {
    // A real server: the other one keeps queries until the judge has spoken.
    harness = await startHarness({ suggestContinueAsNewAt: 10_000 });
  });
  afterAll(() => harness?.stop());

  it('tells where it is, also whoever asked before its first task', async () => {
    const { env } = harness;
    const taskQueue = 'early';
    const client = await connect({ address: env.address, taskQueue });
    const plan = { name: 'p', target: { host: 'h' }, steps: [step('a')] };
    // The engine answers when it hears of a task, or at four fifths of its time.
    const task = { workflowId: taskQueue, taskQueue, args: [plan], workflowTaskTimeout: '2s' } as const;
    const { workflowId } = await client.temporal.workflow.start('provision', task);
    const early = client.status(workflowId);
    const earlyLog = client.readLog(workflowId, 'a').catch(String);
    await delay(500);
    let judge = (): void => undefined;
    const judged = new Promise<void>((resolve) => (judge = resolve));
    const { activities } = fakeActivities({
      admitPlan: () => judged.then(() => ({ problems: [], searchAttributes: false })),
    });
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle,
      activities,
    });
    await worker.runUntil(async () => {
      expect(await early).toMatchObject({
        phase: 'validating',
        plan: 'p',
        host: 'h',
        steps: [{ name: 'a', state: 'pending' }],
      });
      expect(await earlyLog).toContain('being validated');
      expect(await currentDetails(client, workflowId)).toMatch(/^\*\*▶ validating\*\* · p · h · /);
      judge();
      expect((await client.result(workflowId)).outcome).toBe('provisioned');
    });
    await client.close();
  });

  it('tells why it was refused', async () => {
    const problems = [{ path: 'steps', message: 'are wrong' }];
    const { activities } = fakeActivities({ admitPlan: async () => ({ problems, searchAttributes: false }) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      const { phase, failure } = await client.status(id);
      expect([phase, failure?.code]).toEqual(['failed', 'invalid-input']);
      expect(await currentDetails(client, id)).toContain('**invalid-input:** steps: are wrong');
    });
  });
});
