import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Notification } from '../../src/domain/run/notification.ts';
import { workflowBundle } from '../support/built.ts';
import { fakeActivities, startHarness, type Harness } from './harness.ts';

describe('a run whose input is refused', () => {
  let harness: Harness;
  beforeAll(async () => {
    // A real server: the other one has no limits.
    harness = await startHarness({ suggestContinueAsNewAt: 4096 });
  });
  afterAll(() => harness?.stop());

  it('fails and is notified, however long its input is', async () => {
    const told: Notification[] = [];
    const { activities } = fakeActivities({
      admitPlan: async () => ({
        problems: [{ path: 'name', message: 'is too long' }],
        searchAttributes: [],
        notify: { events: ['failed'], channels: ['url'] },
      }),
      sendNotification: async ({ notification }) => void told.push(notification),
    });
    const { env } = harness;
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: 'refused',
      workflowBundle,
      activities,
    });
    await worker.runUntil(async () => {
      const input = {
        name: 'x'.repeat(1_000_000),
        target: { host: 'h'.repeat(300_000) },
        steps: Array.from({ length: 100 }, () => ({})),
      };
      const run = await env.client.workflow.start('provision', {
        taskQueue: 'refused',
        workflowId: 'refused',
        args: [input],
      });
      await expect(run.result()).rejects.toMatchObject({ cause: { type: 'invalid-input' } });
      await expect.poll(() => told.length).toBe(1);
    });
    expect(JSON.stringify(told).length).toBeLessThan(10_000);
  });
});
