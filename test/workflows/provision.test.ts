import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/types.ts';
import { createClient, type ChandlerClient } from '../../src/client.ts';
import type { Plan } from '../../src/domain/schema.ts';
import { validatePlan } from '../../src/domain/validate.ts';
import { testServerPath } from '../support/temporal.ts';

const facts = { arch: 'x86_64', os: 'test', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const failed = (exitCode: number) =>
  ApplicationFailure.create({
    type: 'step-failed',
    nonRetryable: true,
    message: `exit ${exitCode}`,
    details: [{ exitCode }],
  });

/** Activities of a host on which everything works, and a record of what was asked. */
function fakeActivities(changes: Partial<Activities> = {}): { asked: string[]; activities: Activities } {
  const asked: string[] = [];
  const ended = { exitCode: 0, elapsedMs: 1, logBytes: 0 } as const;
  const works: Activities = {
    admitPlan: async (plan) => ({ problems: validatePlan(plan).problems ?? [], searchAttributes: false }),
    prepareHost: async () => ({ facts, pruned: 0 }),
    awaitBootstrap: async () => undefined,
    installZmx: async () => ({ path: '/zmx', version: '0.7.0', source: 'tmux' }),
    runStep: async () => 'started',
    waitStep: async () => ended,
    finalizeStep: async () => ended,
    verifySentinel: async () => undefined,
    killStep: async () => ({ found: 1, left: 0 }),
    readLog: async () => ({ text: '', nextOffset: 0, size: 0, complete: true }),
    releaseHost: async () => undefined,
  };
  const activities = Object.fromEntries(
    Object.entries({ ...works, ...changes }).map(([name, activity]) => [
      name,
      async (input: { launch?: { step: string; generation: number } }) => {
        asked.push(input.launch ? `${name} ${input.launch.step} ${input.launch.generation}` : name);
        return (activity as (input: unknown) => Promise<unknown>)(input);
      },
    ]),
  ) as unknown as Activities;
  return { asked, activities };
}

describe('the workflow, with time at will', () => {
  let env: TestWorkflowEnvironment;
  let workflowBundle: WorkflowBundleWithSourceMap;
  let count = 0;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const path = await testServerPath();
    env = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path } },
    });
    const workflowsPath = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
    workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  });
  afterAll(() => env?.teardown());

  const run = async (
    activities: Activities,
    steps: Plan['steps'],
    options: Partial<Plan>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ) => {
    const taskQueue = `workflow-${(count += 1)}`;
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle,
      activities,
    });
    await worker.runUntil(async () => {
      const client = createClient(env.client, taskQueue, async () => undefined);
      const { workflowId } = await client.start(
        { target: { host: 'h' }, steps, ...options },
        { workflowId: taskQueue },
      );
      await act(client, workflowId);
    });
  };
  const step = (name: string, more: object = {}) => ({ name, script: 'true', ...more });

  it('asks for things in the order of the design', async () => {
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

  it('gives up a step that nobody cares for, after the time the plan allows', async () => {
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    const begin = await env.currentTimeMs();
    await run(activities, [step('a')], { parkTimeout: '24h' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'parked-too-long' },
      });
    });
    expect((await env.currentTimeMs()) - begin).toBeGreaterThanOrEqual(86_400_000);
    expect(asked).not.toContain('verifySentinel');
    expect(asked.at(-1)).toBe('releaseHost');
  });

  it('starts again what never began, but not for ever', async () => {
    const never = ApplicationFailure.create({ type: 'launch-not-started', message: 'not yet' });
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(never) });
    await run(activities, [step('a')], { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'launch-not-started' },
      });
    });
    expect(asked.filter((what) => what === 'runStep a 1')).toHaveLength(5);
  });

  it('ends what takes too long, and believes the record of a step that had ended by itself', async () => {
    // The link stays down, try after try, until the step's time is used up.
    const down = ApplicationFailure.create({ type: 'connection-lost', message: 'no link' });
    const endless = { waitStep: () => Promise.reject(down) };
    const tooLong = fakeActivities(endless);
    const plan = [step('a', { timeout: '10s' })];
    await run(tooLong.activities, plan, { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'failed', failure: { code: 'step-timeout' } });
    });
    expect(tooLong.asked).toContain('killStep a 1');
    const over = fakeActivities({ ...endless, killStep: async () => ({ found: 0, left: 0, exitCode: 0 }) });
    await run(over.activities, plan, { onStepFailure: 'fail' }, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });

  it('retries by the policy of the step, with pauses, before the plan decides', async () => {
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
        expect((await client.status(id)).steps[0]).toMatchObject({ state: 'failed', generation: 3 });
      },
    );
    expect(asked.filter((what) => what.startsWith('runStep'))).toEqual([
      'runStep a 1',
      'runStep a 2',
      'runStep a 3',
    ]);
  });

  it('says success although the host could not be released', async () => {
    const gone = ApplicationFailure.create({ type: 'lease-held', nonRetryable: true, message: 'gone' });
    const { activities } = fakeActivities({ releaseHost: () => Promise.reject(gone) });
    await run(activities, [step('a')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });

  it('refuses a bad plan that came past the client, with every problem', async () => {
    const { asked, activities } = fakeActivities();
    await run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      const bad = client.temporal.workflow.execute('provision', {
        workflowId: `${id}-bad`,
        taskQueue: id,
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
});
