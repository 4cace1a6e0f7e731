import { Context } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import { createClient } from '../../src/client.ts';
import { workflowBundle } from '../support/built.ts';
import { fakeActivities, startHarness, step, type Harness } from './harness.ts';

const CONNECT_S = 5;

describe('a run that no worker has a slot for', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ suggestContinueAsNewAt: 10_000 });
  });
  afterAll(() => harness?.stop());

  /** Starts a run without a worker for its activities; `serve` starts one with a single slot. */
  const runWith = async (
    taskQueue: string,
    changes: Partial<Activities>,
    act: (client: ReturnType<typeof createClient>, serve: () => Promise<void>) => Promise<void>,
  ) => {
    const { env } = harness;
    const connection = env.nativeConnection;
    const decides = await Worker.create({
      connection,
      taskQueue,
      workflowBundle,
      activities: fakeActivities().activities,
      enableNonLocalActivities: false,
    });
    const running = [decides.run()];
    let works: Worker | undefined;
    const client = createClient(env.client, taskQueue, async () => undefined);
    const target = { host: 'h', connectTimeout: `${CONNECT_S}s` };
    try {
      await client.start({ target, steps: [step('a')] }, { workflowId: taskQueue });
      await act(client, async () => {
        works = await Worker.create({
          connection,
          taskQueue,
          activities: fakeActivities(changes).activities,
          maxConcurrentActivityTaskExecutions: 1,
        });
        running.push(works.run());
      });
    } finally {
      decides.shutdown();
      works?.shutdown();
      await Promise.all(running);
    }
  };

  it('waits for a slot, and that time does not count against the connect timeout', () =>
    runWith('late', {}, async (client, serve) => {
      await delay(CONNECT_S * 2000);
      expect((await client.status('late')).phase).toBe('connecting');
      await serve();
      expect((await client.result('late')).outcome).toBe('provisioned');
    }));

  it('can be aborted meanwhile', () =>
    runWith('aborted', {}, async (client) => {
      await delay(CONNECT_S * 1500);
      await client.abort('aborted');
      expect((await client.result('aborted')).outcome).toBe('aborted');
    }));

  it('fails as host-unreachable only once its host was asked and did not answer', () =>
    runWith('silent', { prepareHost: neverAnswers }, async (client, serve) => {
      await serve();
      expect(await client.result('silent')).toMatchObject({ failure: { code: 'host-unreachable' } });
    }));
});

/** Reports as an activity does that asks a host. */
async function neverAnswers(): Promise<never> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat({ host: 'h' }), 100);
  return context.cancelled.finally(() => clearInterval(timer));
}
