import { defaultPayloadConverter } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ActivateInput } from '@temporalio/workflow';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../../src/client.ts';
import { interceptors, overMark, ADVANCED_BY_QUERY } from '../../../src/workflows/sdk/fail-after-query.ts';
import { poll } from '../../support/poll.ts';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { workflowBundle } from '../../support/built.ts';
import {
  beating,
  ended,
  failed,
  fakeActivities,
  startHarness,
  started,
  step,
  type Harness,
} from '../harness.ts';

let harness: Harness;
let proxy: FaultProxy;
beforeAll(async () => {
  harness = await startHarness();
  proxy = await startFaultProxy(Number(harness.env.address.split(':').at(-1)));
});
afterAll(async () => {
  await proxy?.close();
  await harness?.stop();
});

it('a run that was queried while its worker was dead can be replayed, and its actions count', async () => {
  const { env } = harness;
  const taskQueue = 'ahead';
  const over = new Map<string, () => void>();
  const { activities } = fakeActivities({
    waitStep: async ({ launch }) => {
      if (launch.attempt > 1) return ended;
      await beating(new Promise<void>((resolve) => void over.set(launch.step, resolve)));
      throw failed(3);
    },
  });
  const common = { taskQueue, workflowBundle, activities, enableNonLocalActivities: false };
  const connection = await NativeConnection.connect({ address: `127.0.0.1:${proxy.port}` });
  const dies = await Worker.create({ ...common, connection, stickyQueueScheduleToStartTimeout: '14s' });
  const acts = await Worker.create({ connection: env.nativeConnection, taskQueue, activities });
  // Made here, because that takes a while on a busy machine, and the times of what follows are the server's.
  const lives = await Worker.create({ ...common, connection: env.nativeConnection });
  const running = [dies.run(), acts.run()];
  const client = createClient(env.client, taskQueue, async () => undefined);
  const start = async (workflowId: string) => {
    await client.start({ target: { host: 'h' }, steps: [step(workflowId)] }, { workflowId });
    const handle = env.client.workflow.getHandle(workflowId);
    return { workflowId, handle, retry: () => handle.signal('retryStep', { step: workflowId }) };
  };
  const early = await start('early');
  const late = await start('late');
  await poll(() => over.size === 2, 'both steps run');
  await proxy.refuse();
  proxy.reset();
  running.push(lives.run());

  // A query goes to the dead worker first, and is handed on before what comes later.
  const asking = [client.status('early'), client.status('late')];
  await delay(8000);
  await early.retry();
  over.get('late')?.();
  over.get('early')?.();
  await late.retry();
  // Each was answered before those events, or after them; in between the query fails and is asked again.
  for (const { steps } of await Promise.all(asking)) expect(steps).toHaveLength(1);
  for (const { workflowId, handle } of [early, late]) {
    expect(await client.result(workflowId)).toMatchObject({ outcome: 'provisioned' });
    const { auditTrail } = await client.status(workflowId);
    expect(auditTrail).toMatchObject([{ action: 'retryStep', step: workflowId }]);
    const replayed = Worker.runReplayHistory({ workflowBundle }, await handle.fetchHistory(), workflowId);
    await expect(replayed).resolves.toBeUndefined();
  }

  await proxy.accept();
  for (const worker of [dies, acts, lives]) worker.shutdown();
  await Promise.all(running);
  await connection.close();
});

it('a run that another worker took over, and that is queried all the time, fails no task', async () => {
  const { env } = harness;
  const taskQueue = 'watched';
  let isOver = false;
  // Each activity lasts until a query has been answered.
  const { activities } = fakeActivities({
    runStep: async () => (await delay(1000), started),
    waitStep: async ({ launch }) => {
      await (launch.step === 'first' ? beating(poll(() => isOver, 'the first step ends')) : delay(1000));
      return ended;
    },
  });
  const common = { taskQueue, workflowBundle, activities, enableNonLocalActivities: false };
  const before = await Worker.create({ ...common, connection: env.nativeConnection });
  const acts = await Worker.create({ connection: env.nativeConnection, taskQueue, activities });
  const running = [before.run(), acts.run()];
  const client = createClient(env.client, taskQueue, async () => undefined);
  const names = ['first', 'second', 'third'];
  const steps = names.map((name, i) => step(name, { needs: names.slice(0, i) }));
  await client.start({ target: { host: 'h' }, steps }, { workflowId: taskQueue });
  const isFirst = async () => (await client.status(taskQueue)).steps[0]?.state === 'running';
  await poll(isFirst, 'the first step runs');
  before.shutdown();
  await running[0];
  const after = await Worker.create({ ...common, connection: env.nativeConnection });
  running.push(after.run());
  await client.status(taskQueue);
  isOver = true;
  const isEnded = async () => (await client.status(taskQueue)).phase === 'provisioned';
  await poll(isEnded, 'the run ends');
  const { events } = await env.client.workflow.getHandle(taskQueue).fetchHistory();
  expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  for (const worker of [after, acts]) worker.shutdown();
  await Promise.all(running);
});

it('a run that was terminated before it handled its latest events has a status, from before them', async () => {
  const { env } = harness;
  const taskQueue = 'terminated';
  let end = () => {};
  const over = new Promise<void>((resolve) => (end = resolve));
  const { activities } = fakeActivities({ waitStep: async () => (await beating(over), ended) });
  const options = { taskQueue, workflowBundle, activities, enableNonLocalActivities: false };
  const create = () => Worker.create({ ...options, connection: env.nativeConnection });
  const acts = await Worker.create({ connection: env.nativeConnection, taskQueue, activities });
  const running = [acts.run()];
  const client = createClient(env.client, taskQueue, async () => undefined);
  /** Returns a run with a signal that no worker was told of. */
  const terminated = async (workflowId: string): Promise<{ workflowId: string; runId: string }> => {
    const before = await create();
    const stopped = before.run();
    const { runId } = await client.start({ target: { host: 'h' }, steps: [step('a')] }, { workflowId });
    const isRunning = async () => (await client.status(workflowId)).steps[0]?.state === 'running';
    await poll(isRunning, 'the step runs');
    before.shutdown();
    await stopped;
    const handle = env.client.workflow.getHandle(workflowId);
    await handle.signal('pause', {});
    await handle.terminate('tried');
    const { events = [] } = await handle.fetchHistory();
    // The worker may have ended in a task, which the server fails then.
    const isBegun = (events ?? []).some(({ workflowTaskFailedEventAttributes: failed }) => failed != null);
    return isBegun ? terminated(`${workflowId}-again`) : { workflowId, runId };
  };
  const { workflowId, runId } = await terminated(taskQueue);
  const after = await create();
  running.push(after.run());
  for (const ref of [undefined, { runId }])
    expect(await client.status(workflowId, ref)).toMatchObject({
      phase: 'steps',
      paused: false,
      steps: [{ state: 'running' }],
    });
  // Other clients cannot know that the run is over.
  const handle = env.client.workflow.getHandle(workflowId);
  await expect(handle.query('status')).rejects.toThrow(ADVANCED_BY_QUERY);
  end();
  for (const worker of [after, acts]) worker.shutdown();
  await Promise.all(running);
});

describe('a run that a query may have advanced', () => {
  type Activation = ActivateInput['activation'];
  type Jobs = NonNullable<Activation['jobs']>;
  /** What the run was given to apply or answer. */
  const applied: Jobs = [];
  const timer: Jobs = [{ fireTimer: { seq: 1 } }];
  const activity: Jobs = [{ resolveActivity: { seq: 1 } }];
  const signal: Jobs = [{ signalWorkflow: { signalName: 'pause' } }];
  const asked = (queryId: string, ...words: string[]): Jobs => [
    {
      queryWorkflow: {
        queryId,
        queryType: 'status',
        arguments: words.map((word) => defaultPayloadConverter.toPayload(word)),
      },
    },
  ];
  const legacy = asked('legacy_query');
  const activation = (isReplaying: boolean, seconds: number, historyLength: number, jobs: Jobs) =>
    ({
      runId: 'r',
      isReplaying,
      timestamp: { seconds, nanos: 0 },
      historyLength,
      jobs,
    }) as unknown as Activation;
  const rebuilt = activation(true, 1, 29, activity);

  const init = { initializeWorkflow: { workflowTaskTimeout: { seconds: 30 } } } as unknown as Jobs[number];
  // As a worker got them while the task of a timer was started by a worker that had died.
  const begunElsewhere = [rebuilt, activation(false, 8, 34, timer), activation(true, 8, 34, legacy)];

  it.each([
    [18, begunElsewhere],
    [25, begunElsewhere],
    [39, [activation(true, 1, 3, [init]), ...begunElsewhere]],
  ])('fails a task at %i s that may be the redelivery of what the query brought', (at, before) => {
    const activate = activating();
    for (const one of before) activate(one);
    expect(() => activate(activation(false, at, 39, activity))).toThrow(ADVANCED_BY_QUERY);
  });

  it.each([
    [9, begunElsewhere],
    [29, begunElsewhere],
    [18, [activation(true, 1, 3, [init]), ...begunElsewhere]],
  ])('continues with a task at %i s, which cannot be that redelivery', (at, before) => {
    const activate = activating();
    for (const one of before) activate(one);
    expect(() => activate(activation(false, at, 39, activity))).not.toThrow();
  });

  it.each([
    ['was rebuilt', [rebuilt]],
    ['has handled a task', [rebuilt, activation(false, 8, 29, timer)]],
    ['began on this worker', [activation(false, 8, 3, activity)]],
  ])('fails a query that brings a task which has not begun, if the run %s', (_, before) => {
    const activate = activating();
    for (const one of before) activate(one);
    const at = before.at(-1)?.timestamp?.seconds as unknown as number;
    applied.length = 0;
    activate(activation(false, at, 31, signal));
    activate(activation(false, at, 31, timer));
    expect(() => activate(activation(true, at, 31, legacy))).toThrow(ADVANCED_BY_QUERY);
    expect(applied).toEqual([]);
  });

  it('answers a query that vouches that the run is over, without the events that have not begun', () => {
    const activate = activating();
    activate(rebuilt);
    activate(activation(false, 1, 31, timer));
    const query = (mark: string) => activation(true, 1, 31, asked('legacy_query', mark));
    for (const mark of ['', 'over', overMark('another')])
      expect(() => activate(query(mark))).toThrow(ADVANCED_BY_QUERY);
    applied.length = 0;
    activate(query(overMark('r')));
    expect(applied).toEqual(query(overMark('r')).jobs);
  });

  it.each([
    ['at the same time', 1],
    ['later', 9],
  ])('fails a task that begins %s, after events were not applied', (_, at) => {
    const activate = activating();
    activate(rebuilt);
    activate(activation(false, 1, 31, timer));
    expect(() => activate(activation(false, at, 33, activity))).toThrow(ADVANCED_BY_QUERY);
  });

  it.each([
    [
      'came with the task',
      [rebuilt, activation(false, 8, 34, timer), activation(true, 8, 34, asked('7d6e00a7'))],
    ],
    ['came before any task', [rebuilt, activation(true, 1, 29, legacy)]],
    [
      'came after a later task',
      [
        rebuilt,
        activation(false, 8, 34, timer),
        activation(false, 9, 40, activity),
        activation(true, 9, 40, legacy),
      ],
    ],
    [
      'came to the worker that began the run',
      [activation(false, 1, 3, activity), activation(true, 1, 3, legacy)],
    ],
  ])('continues if the query %s', (_, before) => {
    const activate = activating();
    for (const one of before) activate(one);
    expect(() => activate(activation(false, 20, 45, activity))).not.toThrow();
  });

  function activating(): (one: Activation) => void {
    const [internals] = interceptors().internals ?? [];
    return (one) =>
      internals?.activate?.(
        { activation: one, batchIndex: 0 },
        ({ activation: { jobs } }) => void applied.push(...(jobs ?? [])),
      );
  }
});
