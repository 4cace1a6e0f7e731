import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutTaskLimit } from '../../src/worker.ts';
import { workflowBundle } from '../support/built.ts';
import {
  ended,
  failed,
  fakeActivities,
  type Harness,
  startHarness,
  step,
  untilCancelled,
} from './harness.ts';

describe('the workflow with skipped time', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ skipsTime: true });
  });
  afterAll(() => harness?.stop());
  const run: Harness['run'] = (...args) => harness.run(...args);

  it('runs its activities in the documented order', async () => {
    const { asked, activities } = fakeActivities();
    await run(
      activities,
      [step('a', { finalize: 'true' }), step('b', { needs: ['a'] })],
      {},
      async (client, id) => {
        expect((await client.result(id)).outcome).toBe('provisioned');
      },
    );
    expect(asked).toEqual([
      'admitPlan',
      'prepareHost',
      'installZmx',
      'runStep a 1',
      'waitStep a 1',
      'runStep b 1',
      'waitStep b 1',
      'finalizeStep a 1',
      'verifySentinel',
      'releaseHost',
    ]);
  });

  it('needs no wait for a step that ends while it is being started', async () => {
    const notes = ['terminal lost at 12:00:00'];
    const { asked, activities } = fakeActivities({ runStep: async () => ({ ...ended, notes }) });
    await run(activities, [step('a')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).steps[0]).toMatchObject({ state: 'succeeded', notes });
    });
    expect(asked).not.toContain('waitStep a 1');
  });

  it('treats the failure of a step that ends while it is being started like any other', async () => {
    const { asked, activities } = fakeActivities({
      runStep: ({ launch }) => (launch.attempt === 1 ? Promise.reject(failed(3)) : Promise.resolve(ended)),
    });
    await run(activities, [step('a', { retry: { attempts: 2 } })], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).steps[0]).toMatchObject({ state: 'succeeded', attempt: 2 });
    });
    expect(asked.filter((what) => what.startsWith('waitStep'))).toEqual([]);
  });

  it('counts the time for which a launch ran before its start was reported', async () => {
    const { activities } = fakeActivities({
      runStep: async () => ({ startedMsAgo: 20_000 }),
      waitStep: untilCancelled,
    });
    const options = { onStepFailure: 'fail' } as const;
    await run(activities, [step('a', { timeout: '30s' })], options, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'failed', failure: { code: 'step-timeout' } });
      const { startedAtMs, endedAtMs } = await client.status(id);
      expect((endedAtMs ?? Infinity) - startedAtMs).toBeLessThan(20_000);
    });
  });

  it('fails when a parked step gets no action within parkTimeout', async () => {
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await run(activities, [step('a')], { parkTimeout: '24h' }, async (client, id) => {
      const begin = await harness.env.currentTimeMs();
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'parked-too-long' },
      });
      expect((await harness.env.currentTimeMs()) - begin).toBeGreaterThanOrEqual(86_400_000);
    });
    expect(asked).not.toContain('verifySentinel');
    expect(asked.at(-1)).toBe('releaseHost');
  });

  it('starts a launch that never began again, within the timeout of the step', async () => {
    const never = ApplicationFailure.create({ type: 'launch-not-started', message: 'not yet' });
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(never) });
    const steps = [step('a', { timeout: '30s' })];
    await run(activities, steps, { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'launch-not-started' },
      });
    });
    const starts = asked.filter((what) => what === 'runStep a 1');
    expect(starts.length).toBeGreaterThan(3);
    expect(starts.length).toBeLessThan(18);
    expect(asked).toContain('killStep a 1');
  });

  it('retries by the policy of the step, with backoff, before onStepFailure decides', async () => {
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(failed(1)) });
    await run(
      activities,
      [step('a', { retry: { attempts: 3, backoff: '1h' } })],
      { onStepFailure: 'continue' },
      async (client, id) => {
        expect(await client.result(id)).toMatchObject({
          outcome: 'failed',
          failure: { code: 'step-failed', exitCode: 1 },
        });
        expect((await client.status(id)).steps[0]).toMatchObject({ state: 'failed', attempt: 3 });
      },
    );
    expect(asked.filter((what) => what.startsWith('runStep'))).toEqual([
      'runStep a 1',
      'runStep a 2',
      'runStep a 3',
    ]);
  });

  it('succeeds although the host could not be released', async () => {
    const gone = ApplicationFailure.create({ type: 'lease-held', nonRetryable: true, message: 'gone' });
    const { activities } = fakeActivities({ releaseHost: () => Promise.reject(gone) });
    await run(activities, [step('a')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });

  it('refuses an invalid plan that bypassed the client, with every problem', async () => {
    const { asked, activities } = fakeActivities();
    await run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      const bad = client.temporal.workflow.execute('provision', {
        workflowId: `${id}-bad`,
        taskQueue: harness.taskQueue,
        args: [{ target: {}, steps: [] }],
      });
      const error = await bad.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect((error as WorkflowFailedError).cause).toMatchObject({
        type: 'invalid-input',
        nonRetryable: true,
        details: [{ problems: [{ path: 'target.host' }, { path: 'steps' }] }],
      });
    });
    expect(asked.filter((what) => what === 'prepareHost')).toHaveLength(1);
  });

  it('may take longer for a task than the SDK allows, because its worker may be suspended meanwhile', async () => {
    const { env } = harness;
    const connection = env.nativeConnection;
    const worker = await Worker.create({
      connection,
      taskQueue: 'withoutTaskLimit',
      workflowBundle,
      ...withoutTaskLimit,
    });
    expect(worker.options.isolateExecutionTimeoutMs).toBe(86_400_000);
    await worker.runUntil(async () => undefined);
  });
});

// In real time: the server that skips time hangs where a timer ends as its activity does.
describe('the workflow in real time', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());
  const run: Harness['run'] = (...args) => harness.run(...args);

  it('ends a step that takes too long, and accepts the record of one that had ended by itself', async () => {
    // The link stays down, try after try, until the step's time is used up.
    const down = ApplicationFailure.create({ type: 'connection-lost', message: 'no link' });
    const endless = { waitStep: () => Promise.reject(down) };
    const tooLong = fakeActivities(endless);
    const plan = [step('a', { timeout: '2s' })];
    await run(tooLong.activities, plan, { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'failed', failure: { code: 'step-timeout' } });
    });
    expect(tooLong.asked).toContain('killStep a 1');
    const over = fakeActivities({ ...endless, killStep: async () => ({ found: 0, left: 0, exitCode: 0 }) });
    await run(over.activities, plan, { onStepFailure: 'fail' }, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });
});
