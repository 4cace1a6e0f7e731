import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lack, PreparedHost } from '../../src/activities/activity-types.ts';
import { connect, type RunResult } from '../../src/client.ts';
import type { FailureCode } from '../../src/domain/run/failure.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { workflowBundle } from '../support/built.ts';
import { currentDetails, facts, fakeActivities, startHarness, step, type Harness } from './harness.ts';

describe('a run whose plan is being validated', () => {
  let harness: Harness;
  beforeAll(async () => {
    // A real server: the other one keeps queries until the judge has spoken.
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());

  it('answers the status query, also one sent before its first task', async () => {
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
      admitPlan: () => judged.then(() => ({ problems: [], searchAttributes: [] })),
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

  it('shows why it was refused', async () => {
    const problems = [{ path: 'steps', message: 'are wrong' }];
    const { activities } = fakeActivities({ admitPlan: async () => ({ problems, searchAttributes: [] }) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      const { phase, failure } = await client.status(id);
      expect([phase, failure?.code]).toEqual(['failed', 'invalid-input']);
      expect(await currentDetails(client, id)).toContain('**invalid-input:** steps: are wrong');
    });
  });
});

describe('a run whose worker lacks something', () => {
  let harness: Harness;
  beforeAll(async () => (harness = await startHarness()));
  afterAll(() => harness?.stop());

  const lackOf = (code: FailureCode, path: string) => ({
    path,
    failure: { code, message: `no ${path}`, advice: `Add ${path}.` },
  });
  const secret = lackOf('secret-unavailable', 'steps[1].secrets.S');
  const key = lackOf('identity-unavailable', 'target.identity');
  /** A run of two steps, and what was asked of its host. */
  const run = async (lacks: readonly Lack[], prepared: Partial<PreparedHost> = {}) => {
    const { asked, activities } = fakeActivities({
      admitPlan: async () => ({ problems: [], searchAttributes: [], lacks }),
      prepareHost: async () => ({ facts, pruned: 0, sentinelPath: '/p', lease: 'l', ended: [], ...prepared }),
    });
    let result: RunResult | undefined;
    await harness.run(activities, [step('a'), step('b')], {}, async (client, id) => {
      result = await client.result(id);
    });
    return { result, asked };
  };

  it('C9: fails before its first step, and names everything that is missing with the advice', async () => {
    const { result, asked } = await run([secret, lackOf('zmx-unavailable', 'zmx')]);
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'secret-unavailable',
        message: 'steps[1].secrets.S: no steps[1].secrets.S\nzmx: no zmx',
        advice: 'Add steps[1].secrets.S. Add zmx. Then start the run again.',
      },
    });
    expect(asked).toEqual(['admitPlan', 'prepareHost', 'releaseHost']);
  });

  it('C9: does not connect to its host without an identity', async () => {
    const { result, asked } = await run([secret, key]);
    expect(result).toMatchObject({
      failure: { message: expect.stringMatching(/secrets.*\n.*identity/) as string },
    });
    expect(asked).toEqual(['admitPlan']);
  });

  it('leaves a provisioned host as it is', async () => {
    expect((await run([secret], { sentinel: '' })).result).toMatchObject({ outcome: 'already-provisioned' });
  });

  it('continues where steps of an earlier run are running, and does not end them', async () => {
    const launch = makeLaunch('former', 'a', 'step', 1);
    const alive = [{ launch, state: 'running' as const, processes: 1, atWork: false }];
    const { result, asked } = await run([secret], { adopted: { owner: 'former', alive } });
    expect(result).toMatchObject({ outcome: 'provisioned' });
    expect(asked.filter((each) => each.startsWith('killStep'))).toEqual([]);
  });
});
