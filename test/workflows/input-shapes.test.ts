import { randomUUID } from 'node:crypto';
import { ApplicationFailure, WorkflowFailedError, type WorkflowStartOptions } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { drawShapes, json } from '../../fuzz/input-shapes.ts';
import { inputs } from '../../fuzz/valid-inputs.ts';
import { playShapes } from '../../fuzz/play-inputs.ts';
import type { ActivityDeps } from '../../src/activities/activity-deps.ts';
import { createActivities } from '../../src/activities/index.ts';
import { validateFleet } from '../../src/domain/fleet/validate-fleet.ts';
import { validatePlan, validateWatch } from '../../src/domain/plan/validate.ts';
import { poll } from '../support/poll.ts';
import { workflowBundle } from '../support/built.ts';
import { fakeActivities, startHarness, type Harness } from './harness.ts';

const SEED = 20_261_129;
/** `npm run fuzz:inputs` sends thousands. */
const SHAPES = 150;
const taskQueue = 'shapes';
const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('whatever a client sends', () => {
  let harness: Harness;
  let worker: Worker;
  let working: Promise<void>;
  const { asked, activities } = fakeActivities();
  beforeAll(async () => {
    harness = await startHarness();
    const connection = harness.env.nativeConnection;
    worker = await Worker.create({ connection, taskQueue, workflowBundle, activities });
    working = worker.run();
  });
  afterAll(async () => {
    worker?.shutdown();
    await working;
    await harness?.stop();
  });

  /** Starts a workflow with arguments as JSON text; its failure, once it has ended without a failed workflow task. */
  async function refusal(type: string, texts: readonly string[]): Promise<ApplicationFailure> {
    const { client } = harness.env;
    const workflowId = randomUUID();
    await client.workflowService.startWorkflowExecution({
      namespace: 'default',
      workflowId,
      workflowType: { name: type },
      taskQueue: { name: taskQueue },
      input: { payloads: texts.map(json) },
      requestId: randomUUID(),
    });
    const error: unknown = await client.workflow
      .getHandle(workflowId)
      .result()
      .catch((reason: unknown) => reason);
    expect(await failedTasks(workflowId)).toBe(0);
    const failure = error instanceof WorkflowFailedError ? error.cause : error;
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: 'invalid-input', nonRetryable: true });
    return failure as ApplicationFailure;
  }
  const failedTasks = async (workflowId: string, runId?: string) => {
    const { events = [] } = await harness.env.client.workflow.getHandle(workflowId, runId).fetchHistory();
    return events?.filter((event) => event.workflowTaskFailedEventAttributes).length;
  };

  test.each(Object.keys(inputs))(
    'D6: %s refuses at once what is nested thousands of levels deep',
    async (type) => {
      for (const text of [deep(20_000), deep(900_000), `{"target":${deep(20_000)}}`, deep(102)]) {
        const { message } = await refusal(type, [text]);
        expect(message).toMatch(/nested more than 100 levels deep|is sent only by the run/);
      }
    },
  );

  test.each([
    ['readStepLog', '[{}]', 'the input must be an object'],
    ['readStepLog', '{}', 'host.facts must name stateDir and zmxDir by absolute paths'],
    [
      'readStepLog',
      JSON.stringify({ ...(inputs['readStepLog']?.[0] as object), launch: { id: '../../etc' } }),
      'launch.id must be 20 hex digits',
    ],
    [
      'readStepLog',
      JSON.stringify({
        ...(inputs['readStepLog']?.[0] as object),
        host: { facts: { stateDir: '/s', zmxDir: '/z' } },
      }),
      'target: is missing',
    ],
    ['inspectHost', 'null', 'the input must be an object'],
    ['inspectHost', '{"countExecs":[{}]}', 'countExecs must be true or false'],
    ['cleanHost', '"host"', 'the input must be an object'],
    ['cleanHost', '{"run":{"toString":1}}', 'run must be the id of a run'],
    ['provision', '{"toString":1}', 'target: is missing'],
    ['watchProvisioning', '[[]]', 'must be a mapping'],
  ])('D6: %s refuses %s', async (type, text, reason) => {
    expect((await refusal(type, [text])).message).toContain(reason);
  });

  test.each([
    'valueOf',
    'toString',
    'constructor',
    '__proto__',
    '__defineGetter__',
    'default',
    'nonsense',
    ' ',
  ])('a workflow of the type %j is refused: no worker knows it', async (type) => {
    expect((await refusal(type, ['{}'])).message).toContain(`this worker has no workflow "${type}"`);
  });

  it('a snapshot from a client is ignored, also in later runs of its schedule or retry policy', async () => {
    const { client } = harness.env;
    const workflowId = randomUUID();
    const before = asked.length;
    const options: WorkflowStartOptions = {
      taskQueue,
      workflowId,
      cronSchedule: '@every 1s',
      args: [{ target: { host: 'h' }, steps: [] }, { status: { steps: 5 } }],
    };
    const { firstExecutionRunId } = await client.workflow.start('provision', options);
    const handle = client.workflow.getHandle(workflowId);
    const runs = new Set([firstExecutionRunId]);
    await poll(async () => runs.add((await handle.describe()).runId).size > 3, 'three runs of the schedule');
    await handle.terminate();
    for (const runId of [...runs].slice(0, 3)) {
      const { events = [] } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      expect(
        events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure?.applicationFailureInfo,
      ).toMatchObject({
        type: 'invalid-input',
      });
      expect(await failedTasks(workflowId, runId)).toBe(0);
    }
    expect(new Set(asked.slice(before))).toEqual(new Set(['admitPlan']));
  });

  it('D8: a notification that no run has to report is not delivered', async () => {
    const forged = inputs['sendNotification']?.[0] as { notification: object };
    for (const text of [
      JSON.stringify(forged),
      JSON.stringify([forged.notification, ['url']]),
      'null',
      '{"notification":{"toString":1}}',
      JSON.stringify({ ...forged, notification: { ...forged.notification, workflowId: undefined } }),
    ])
      expect((await refusal('sendNotification', [text, '["url"]'])).message).toContain(
        'a notification is sent only by the run that it is about, as its child',
      );
    expect(asked).not.toContain('sendNotification');
  });

  it('D8: an activity that a client starts by itself, past the workflow, does nothing', async () => {
    const used: string[] = [];
    const note = (name: string) => () => {
      used.push(name);
      throw new Error(`${name} was used`);
    };
    const names =
      'executorFor resolveTarget resolveSecrets notify isOpen inspectSelf namespaceId knownSearchAttributes';
    const deps = Object.fromEntries(
      names.split(' ').map((name) => [name, note(name)]),
    ) as unknown as ActivityDeps;
    const alone = createActivities(deps);
    const { client, nativeConnection: connection } = harness.env;
    const worker = await Worker.create({ connection, taskQueue: 'standalone', activities: alone });
    await worker.runUntil(
      Promise.all(
        Object.keys(alone).map((name) => {
          const started = client.activity.execute(name, {
            id: randomUUID(),
            taskQueue: 'standalone',
            startToCloseTimeout: '10s',
            args: [{ notification: { text: 'forged' }, channel: 'url', target: { host: 'h' } }],
          });
          return expect(started).rejects.toMatchObject({
            cause: {
              type: 'invalid-input',
              nonRetryable: true,
              message: expect.stringContaining('only as part of its workflows') as string,
            },
          });
        }),
      ),
    );
    expect(used).toEqual([]);
  });

  it('D6: no workflow task fails, and every run still answers or ends', async () => {
    const { findings } = await playShapes(harness.env, drawShapes(SEED, SHAPES), { patience: 2 });
    expect(findings).toEqual([]);
  });

  it('the inputs that the generator starts from are valid', () => {
    for (const plan of inputs['provision'] ?? []) expect(validatePlan(plan)).not.toHaveProperty('problems');
    for (const watch of inputs['watchProvisioning'] ?? []) expect(validateWatch(watch)).toEqual({});
    for (const fleet of inputs['provisionFleet'] ?? []) expect(validateFleet(fleet)).toEqual({});
  });
});
