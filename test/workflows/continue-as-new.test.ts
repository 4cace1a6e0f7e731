import { Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import { workflowBundle } from '../support/built.ts';
import {
  beating,
  currentDetails,
  ended,
  failed,
  fakeActivities,
  type Harness,
  startHarness,
  started,
  step,
  untilCancelled,
} from './harness.ts';

describe('a run whose history grows long', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ suggestContinueAsNewAt: 40 });
  });
  afterAll(() => harness?.stop());

  /** How many histories a run took. */
  const chain = async (id: string): Promise<string[]> => {
    const runIds: string[] = [];
    const handle = harness.env.client.workflow.getHandle(id);
    let { runId } = await handle.describe();
    for (;;) {
      runIds.push(runId);
      const { events } = await harness.env.client.workflow.getHandle(id, runId).fetchHistory();
      const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      if (!before) return runIds;
      runId = before;
    }
  };

  it('continues as new: no attempt is lost, repeated or counted twice', async () => {
    const tries = new Map<string, number>();
    const { asked, activities } = fakeActivities({
      waitStep: async ({ launch }) => {
        tries.set(launch.step, launch.attempt);
        if (launch.step === 'flaky' && launch.attempt < 10) throw failed(3);
        return ended;
      },
    });
    const steps = [
      step('flaky', { retry: { attempts: 10, backoff: '1ms' }, finalize: 'true' }),
      step('hopeless', { retry: { attempts: 5, backoff: '1ms' } }),
      step('after', { needs: ['flaky'] }),
    ];
    await harness.run(activities, steps, {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await chain(id)).length).toBeGreaterThan(3);
      expect(await client.status(id)).toMatchObject({
        phase: 'provisioned',
        steps: [
          { state: 'succeeded', attempt: 10, finalizer: { state: 'succeeded', attempt: 1 } },
          { state: 'succeeded', attempt: 1 },
          { state: 'succeeded', attempt: 1 },
        ],
      });
    });
    expect(tries.get('flaky')).toBe(10);
    expect(
      asked.filter((each) => /^(prepareHost|installZmx|verifySentinel|releaseHost)$/.test(each)),
    ).toEqual(['prepareHost', 'installZmx', 'verifySentinel', 'releaseHost']);
  });

  it('C7: can be read by the run id of each of its histories, and so can an earlier run of the same id', async () => {
    const { activities } = fakeActivities({
      waitStep: async ({ launch }) => {
        if (launch.step === 'later') return untilCancelled();
        if (launch.attempt < 10) throw failed(3);
        return ended;
      },
    });
    const steps = [step('flaky', { retry: { attempts: 10, backoff: '1ms' } })];
    await harness.run(activities, steps, {}, async (client, workflowId) => {
      expect((await client.result(workflowId)).outcome).toBe('provisioned');
      const first = (await chain(workflowId)).at(-1)!;
      const pending = [step('later')];
      const second = await client.start({ target: { host: 'h' }, steps: pending }, { workflowId });
      await client.abort(workflowId, { reason: 'wrong host' });
      expect((await client.result(workflowId)).outcome).toBe('aborted');

      const at = { runId: first };
      expect(await client.result(workflowId, at)).toMatchObject({ outcome: 'provisioned' });
      const all = await Promise.all(Array.from({ length: 8 }, () => client.status(workflowId, at)));
      for (const status of all)
        expect(status).toMatchObject({
          phase: 'provisioned',
          steps: [{ name: 'flaky', attempt: 10 }],
        });
      expect((await client.readLog(workflowId, 'flaky', at)).complete).toBe(true);
      expect((await client.status(workflowId, { runId: second.runId })).phase).toBe('aborted');
      expect((await client.status(workflowId)).phase).toBe('aborted');
      await expect(client.status(workflowId, { runId: randomUUID() })).rejects.toThrow(
        expect.objectContaining({ name: 'WorkflowNotFoundError' }),
      );
    });
  });

  it('keeps what is parked, what runs, and the actions of operators', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const scripts = new Set<string>();
    const envs = new Map<number, unknown>();
    const { asked, activities } = fakeActivities({
      runStep: async ({ step, launch }) => {
        scripts.add(step.script);
        // A launch may be asked for again in a fresh history.
        if (step.name === 'parks') envs.set(launch.attempt, step.env);
        return started;
      },
      waitStep: async ({ launch }) => {
        if (launch.step === 'long') await finished;
        if (launch.step === 'parks' && launch.attempt < 3) throw failed(3);
        return ended;
      },
    });
    await harness.run(
      activities,
      [step('long', { timeout: '1h' }), step('parks')],
      {},
      async (client, id) => {
        const parks = (attempt: number) =>
          expect
            .poll(async () => (await client.status(id)).steps[1])
            .toMatchObject({ state: 'parked', attempt, failure: { code: 'step-failed' } });
        await parks(1);
        await client.extendTimeout(id, { step: 'long', by: '1h', requestId: 'once' });
        // Every word makes the history longer.
        for (let i = 0; i < 8; i += 1) {
          await client.pause(id, { reason: `word ${i}` });
          await client.resume(id);
        }
        await client.retry(id, { step: 'parks', script: 'another', env: { A: 'b' } });
        await parks(2);
        const { length } = await chain(id);
        expect(length).toBeGreaterThan(1);
        expect(await currentDetails(client, id)).toContain('### ⚠ parks needs attention');
        const { auditTrail, steps } = await client.status(id);
        expect(auditTrail).toHaveLength(18);
        expect(steps[0]).toMatchObject({ state: 'running', attempt: 1, extendedByMs: 3_600_000 });
        // What was ordered in an earlier history is known in this one.
        await client.extendTimeout(id, { step: 'long', by: '1h', requestId: 'once' });
        expect((await client.status(id)).auditTrail).toHaveLength(18);
        await client.retry(id, { step: 'parks' });
        finish();
        expect((await client.result(id)).outcome).toBe('provisioned');
      },
    );
    expect([...scripts]).toEqual(['true', 'another']);
    expect([...envs]).toEqual([
      [1, {}],
      [2, { A: 'b' }],
      [3, { A: 'b' }],
    ]);
    expect(asked.filter((each) => each.startsWith('killStep long'))).toEqual([]);
  });

  it('can be aborted in each of its histories', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'long' ? untilCancelled() : Promise.reject(failed(3))),
    });
    await harness.run(activities, [step('long'), step('parks')], {}, async (client, id) => {
      await expect.poll(async () => (await client.status(id)).attention).toBe(true);
      for (let i = 0; i < 12; i += 1) {
        await client.pause(id);
        await client.resume(id);
      }
      expect((await chain(id)).length).toBeGreaterThan(1);
      await client.abort(id, { reason: 'enough' });
      expect(await client.result(id)).toMatchObject({ outcome: 'aborted' });
    });
    expect(asked).toContain('killStep long 1');
    expect(asked.at(-1)).toBe('releaseHost');
  });

  it('is aborted by an action that arrives while it continues as new', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const { activities } = fakeActivities({
      waitStep: async () => {
        await beating(finished);
        return ended;
      },
    });
    const { env } = harness;
    const taskQueue = 'moving';
    const common = { connection: env.nativeConnection, taskQueue, activities };
    const work = () => Worker.create({ ...common, workflowBundle, enableNonLocalActivities: false });
    const client = createClient(env.client, taskQueue, async () => undefined);
    const run = env.client.workflow.getHandle(taskQueue);
    const doing = await Worker.create(common);
    await doing.runUntil(async () => {
      const before = await work();
      await before.runUntil(async () => {
        const steps = [step('a'), step('b', { needs: ['a'] })];
        await client.start({ target: { host: 'h' }, steps }, { workflowId: taskQueue });
        await expect.poll(async () => (await client.status(taskQueue)).steps[0]?.state).toBe('running');
      });
      // One task brings it all: what makes the history long, the end of a step, and the order to end.
      for (let i = 0; i < 45; i += 1) await run.signal('resume');
      finish();
      await expect.poll(async () => (await run.describe()).raw.pendingActivities).toEqual([]);
      await run.signal('abort', { reason: 'enough' });
      const after = await work();
      await after.runUntil(async () => {
        expect(await client.result(taskQueue)).toMatchObject({ outcome: 'aborted' });
      });
    });
  });

  it('can be reset by Temporal after a notification', async () => {
    const told: string[] = [];
    const { activities } = fakeActivities({
      admitPlan: async () => ({
        problems: [],
        searchAttributes: [],
        notify: { events: ['parked', 'provisioned'], channels: ['url'] },
      }),
      waitStep: async ({ launch }) => {
        if (launch.attempt === 1) throw failed(3);
        return ended;
      },
      sendNotification: async ({ notification }) => void told.push(notification.event),
    });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(() => told).toEqual(['parked']);
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      const handle = harness.env.client.workflow.getHandle(id);
      const { runId } = await handle.describe();
      const { events = [] } = await handle.fetchHistory();
      const last = events?.findLast((event) => event.workflowTaskCompletedEventAttributes);
      await harness.env.client.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: id, runId },
        requestId: randomUUID(),
        reason: 'test',
        workflowTaskFinishEventId: last?.eventId ?? null,
      });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await handle.describe()).runId).not.toBe(runId);
      await expect.poll(() => told).toEqual(['parked', 'provisioned']);
    });
  });
});
