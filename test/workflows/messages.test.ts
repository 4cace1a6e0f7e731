import { ApplicationFailure, Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import { findStatus } from '../support/find-status.ts';
import { gate } from '../support/gate.ts';
import {
  ended,
  failed,
  fakeActivities,
  type Harness,
  startHarness,
  step,
  untilCancelled,
} from './harness.ts';

const refused = (code: string) =>
  ApplicationFailure.create({ type: code, nonRetryable: true, message: code });

/** Fails as told for the first tries, then works. */
function failingFirst(...errors: Error[]): () => Promise<typeof ended> {
  return async () => {
    const error = errors.shift();
    if (error) throw error;
    return ended;
  };
}

describe('what people say to a run', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());
  const run: Harness['run'] = (...args) => harness.run(...args);
  const reach = (client: ChandlerClient, id: string, name: string, state: string, part?: 'finalizer') =>
    expect
      .poll(
        async () => {
          const status = await findStatus(client, id);
          const found = status?.steps.find((candidate) => candidate.name === name);
          return part ? found?.[part]?.state : found?.state;
        },
        { interval: 30 },
      )
      .toBe(state);
  const signal = (client: ChandlerClient, id: string, name: string, ...args: unknown[]) =>
    client.temporal.workflow.getHandle(id).signal(name, ...args);

  it('makes sense or is refused with the reason; as a signal it is ignored', async () => {
    const { asked, activities } = fakeActivities({ waitStep: failingFirst(failed(3)) });
    const steps = [step('a', { finalize: 'true' }), step('b', { needs: ['a'] })];
    await run(activities, steps, {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      const handle = client.temporal.workflow.getHandle(id);
      const update = async (name: string, input?: unknown) => {
        const error: unknown = await handle
          .executeUpdate(name, { args: [input] })
          .catch((reason: unknown) => reason);
        return (error as { cause?: Error }).cause?.message;
      };
      const object = 'the message must be an object such as {"step": "NAME"}';
      const refusals = [
        ['retryStep', undefined, object],
        ['retryStep', null, object],
        ['retryStep', 'a', object],
        ['retryStep', { step: 5 }, object],
        ['skipStep', {}, object],
        ['skipStep', { step: 'x' }, 'there is no step "x"; the steps are a, b'],
        ['retryStep', { step: 'b' }, 'b is pending, not parked'],
        ['retryStep', { step: 'a', script: ' ' }, 'script must be text'],
        ['retryStep', { step: 'a', script: 5 }, 'script must be text'],
        [
          'retryStep',
          { step: 'a', script: 'x'.repeat(262_143) },
          'script is longer than 262144 bytes (as JSON)',
        ],
        ['resume', {}, 'the run is not paused'],
      ] as const;
      for (const [name, input, message] of refusals) {
        await signal(client, id, name, input);
        expect(await update(name, input)).toBe(message);
      }
      expect(await client.status(id)).toMatchObject({ attention: true, interventions: [] });
      await client.retry(id, { step: 'a', script: 'other' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect(await client.status(id)).toMatchObject({
        attention: false,
        steps: [{ state: 'succeeded', generation: 2 }, { state: 'succeeded' }],
        interventions: [{ action: 'retryStep', step: 'a' }],
      });
    });
    expect(asked.filter((what) => what.startsWith('runStep a'))).toEqual(['runStep a 1', 'runStep a 2']);
    // What the failed try left in the background must not meet the next one.
    expect(asked.filter((what) => what.startsWith('killStep'))).toEqual(['killStep a 1']);
  });

  it('is refused in an encoding that nobody can read, and so is a plan; neither stops the run for good', async () => {
    const { activities } = fakeActivities({ waitStep: failingFirst(failed(3)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      const foreign = new Client({
        connection: client.temporal.connection,
        dataConverter: {
          payloadCodecs: [
            {
              encode: async (payloads) =>
                payloads.map((payload) => ({
                  ...payload,
                  metadata: { encoding: Buffer.from('binary/encrypted') },
                })),
              decode: async (payloads) => payloads,
            },
          ],
        },
      });
      await foreign.workflow.getHandle(id).signal('retryStep', { step: 'a' });
      const update = foreign.workflow.getHandle(id).executeUpdate('retryStep', { args: [{ step: 'a' }] });
      await expect(update).rejects.toMatchObject({
        cause: { message: expect.stringContaining('must be') as string },
      });
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');

      const { taskQueue } = harness;
      await foreign.workflow.start('provision', { workflowId: `${id}-foreign`, taskQueue, args: [{}] });
      const ended = await client.result(`${id}-foreign`);
      expect(ended).toMatchObject({ outcome: 'failed', failure: { code: 'invalid-input' } });
      expect(JSON.stringify(ended)).toContain('binary/encrypted');
    });
  });

  it('counts once, however often it is said', async () => {
    const { asked, activities } = fakeActivities({ waitStep: failingFirst(failed(3), failed(4)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      await Promise.all([1, 2, 3].map(() => signal(client, id, 'retryStep', { step: 'a' })));
      await expect
        .poll(async () => (await client.status(id)).steps[0])
        .toMatchObject({ state: 'parked', generation: 2, exitCode: 4 });
      await signal(client, id, 'skipStep', { step: 'a', reason: 'known' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).interventions).toMatchObject([
        { action: 'retryStep', step: 'a' },
        { action: 'skipStep', step: 'a', reason: 'known' },
      ]);
    });
    expect(asked.filter((what) => what.startsWith('runStep'))).toHaveLength(2);
  });

  it('is about the finalizer once the step is done', async () => {
    const { asked, activities } = fakeActivities({ finalizeStep: failingFirst(refused('finalizer-failed')) });
    await run(activities, [step('a', { finalize: 'x' })], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked', 'finalizer');
      await client.retry(id, { step: 'a', script: 'y' });
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    expect(asked).toContain('finalizeStep a 2');
    expect(asked.filter((what) => what.startsWith('runStep'))).toHaveLength(1);
  });

  it('pauses what has not started, and resumes it', async () => {
    const { passed, open } = gate();
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'a' ? passed : Promise.resolve()).then(() => ended),
    });
    await run(activities, [step('a'), step('b', { needs: ['a'] })], {}, async (client, id) => {
      await reach(client, id, 'a', 'running');
      expect(await client.pause(id, { reason: 'lunch' })).toMatchObject({ paused: true });
      await expect(client.pause(id)).rejects.toThrow('the run is paused already');
      open();
      await reach(client, id, 'a', 'succeeded');
      // What may begin does so with what it waited for: whoever is shown the one would be shown the other.
      expect((await client.status(id)).steps).toMatchObject([{ state: 'succeeded' }, { state: 'pending' }]);
      expect(asked).not.toContain('runStep b 1');
      expect(await client.resume(id)).toMatchObject({ paused: false });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).interventions).toMatchObject([
        { action: 'pause', reason: 'lunch' },
        { action: 'resume' },
      ]);
    });
  });

  it('takes one decision about a failure, also while it is paused: the next failure is another one', async () => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      await client.pause(id);
      await client.retry(id, { step: 'a' });
      await reach(client, id, 'a', 'pending');
      // What it failed of is no news any more.
      expect((await client.status(id)).steps).toEqual([
        { name: 'a', state: 'pending', generation: 1, session: 'a' },
      ]);
      await expect(client.skip(id, { step: 'a' })).rejects.toThrow('a is pending, not parked');
      await client.resume(id);
      await expect.poll(async () => (await client.status(id)).steps[0]?.generation).toBe(2);
      await reach(client, id, 'a', 'parked');
      await client.abort(id);
      expect((await client.result(id)).outcome).toBe('aborted');
    });
  });

  it('takes back a sentinel that an abort may have come too late for', async () => {
    let withdrawn: string | undefined;
    const { asked, activities } = fakeActivities({
      verifySentinel: untilCancelled,
      releaseHost: async ({ withdraw }) => void (withdrawn = withdraw),
    });
    await run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(() => asked.at(-1)).toBe('verifySentinel');
      await client.abort(id);
      expect((await client.result(id)).outcome).toBe('aborted');
    });
    expect(withdrawn).toBe('/s/provisioned');
  });

  it('aborts a run that has not reached its host', async () => {
    const { asked, activities } = fakeActivities({ prepareHost: untilCancelled });
    await run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(() => asked.at(-1)).toBe('prepareHost');
      await client.abort(id, { reason: 'wrong host' });
      expect(await client.result(id)).toMatchObject({
        outcome: 'aborted',
        failure: { code: 'aborted', message: 'aborted: wrong host' },
      });
      expect(await client.status(id)).toMatchObject({ phase: 'aborted', steps: [{ state: 'pending' }] });
    });
    expect(asked).toEqual(['admitPlan', 'prepareHost']);
  });

  it('is heard though it was said before the run began', async () => {
    const { asked, activities } = fakeActivities();
    await run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      const handle = await client.temporal.workflow.signalWithStart('provision', {
        workflowId: `${id}-early`,
        taskQueue: harness.taskQueue,
        args: [{ target: { host: 'h' }, steps: [step('a')] }],
        signal: 'abort',
        signalArgs: [{ reason: { not: 'text' } }],
      });
      expect(await client.result(handle.workflowId)).toMatchObject({
        outcome: 'aborted',
        failure: { message: 'aborted: no reason given' },
      });
    });
    expect(asked.filter((what) => what === 'prepareHost')).toHaveLength(1);
  });

  it('aborts what runs, and tells what would not end', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'c' ? Promise.reject(failed(1)) : untilCancelled()),
      killStep: ({ launch }) =>
        launch.step === 'a' ? Promise.reject(refused('auth-failed')) : Promise.resolve({ found: 2, left: 1 }),
    });
    await run(activities, [step('a'), step('b'), step('c')], {}, async (client, id) => {
      await reach(client, id, 'c', 'parked');
      await reach(client, id, 'a', 'running');
      await client.abort(id);
      expect((await client.result(id)).outcome).toBe('aborted');
      const status = await client.status(id);
      expect(status.steps.map(({ state }) => state)).toEqual(['killed', 'killed', 'failed']);
      expect(status.failure?.message).toBe(
        'aborted: no reason given (a could not be killed: auth-failed; 1 processes of b would not die; 1 processes of c would not die)',
      );
    });
    expect(asked.at(-1)).toBe('releaseHost');
    expect(asked).not.toContain('verifySentinel');
  });

  it('changes nothing any more while a run ends', async () => {
    const { passed, open } = gate();
    const { asked, activities } = fakeActivities({ releaseHost: () => passed });
    await run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(() => asked.at(-1)).toBe('releaseHost');
      await expect(client.abort(id)).rejects.toThrow('the run is ending');
      await expect(client.pause(id)).rejects.toThrow('the run is ending');
      open();
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });

  it('has earlier launches ended before the next try, and asks again where they can not be', async () => {
    const kills = [
      () => Promise.reject(refused('host-key-mismatch')),
      () => Promise.resolve({ found: 1, left: 2 }),
    ];
    const { asked, activities } = fakeActivities({
      waitStep: failingFirst(refused('auth-failed')),
      killStep: () => (kills.shift() ?? (() => Promise.resolve({ found: 1, left: 0 })))(),
    });
    await run(activities, [step('a')], {}, async (client, id) => {
      const parked = async (code: string) => {
        await expect
          .poll(async () => (await client.status(id)).steps[0])
          .toMatchObject({ state: 'parked', failure: { code } });
      };
      await reach(client, id, 'a', 'parked');
      await parked('auth-failed');
      await client.retry(id, { step: 'a' });
      await parked('host-key-mismatch');
      await client.skip(id, { step: 'a' });
      await parked('step-interrupted');
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    expect(asked.slice(3, -2)).toEqual([
      'runStep a 1',
      'waitStep a 1',
      'killStep a 1',
      'killStep a 1',
      'killStep a 1',
      'runStep a 3',
      'waitStep a 3',
    ]);
  });
});

describe('how runs end', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());
  const run: Harness['run'] = (...args) => harness.run(...args);
  const cancelWhen = async (asked: string[], what: string, client: ChandlerClient, id: string) => {
    await expect.poll(() => asked).toContain(what);
    await client.temporal.workflow.getHandle(id).cancel();
    return client.temporal.workflow
      .getHandle(id)
      .result()
      .catch((error: unknown) => error);
  };

  it.each<[string, Partial<Activities>, string]>([
    ['a finalizer runs', { finalizeStep: untilCancelled }, 'finalizeStep a 1'],
    ['a step waits', { waitStep: untilCancelled }, 'waitStep a 1'],
    [
      'an order fails for another reason',
      { runStep: () => untilCancelled().catch(() => Promise.reject(refused('connection-lost'))) },
      'runStep a 1',
    ],
  ])('cancelled while %s: killed, released, no sentinel', async (_, changes, what) => {
    const { asked, activities } = fakeActivities(changes);
    await run(activities, [step('a', { finalize: 'x' })], { onStepFailure: 'fail' }, async (client, id) => {
      expect(await cancelWhen(asked, what, client, id)).toMatchObject({
        cause: { name: 'CancelledFailure' },
      });
      expect(await client.status(id)).toMatchObject({ phase: 'aborted', failure: { message: 'cancelled' } });
    });
    expect(asked.slice(-2)).toEqual(['killStep a 1', 'releaseHost']);
    expect(asked).not.toContain('verifySentinel');
  });

  it('with onStepFailure: continue, everything that can be done is done, and the run fails', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'a' ? Promise.reject(failed(3)) : Promise.resolve(ended)),
      runStep: async ({ step: { name } }) => (name === 'd' ? 'satisfied' : 'started'),
    });
    const steps = [
      step('a'),
      step('b', { needs: ['a'] }),
      step('c', { needs: ['d'], finalize: 'x' }),
      step('d'),
      step('e', { needs: ['b'] }),
    ];
    await run(activities, steps, { onStepFailure: 'continue' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'step-failed', exitCode: 3 },
      });
      const { steps: states, phase } = await client.status(id);
      expect(states.map(({ name, state }) => `${name} ${state}`)).toEqual([
        'a failed',
        'b blocked',
        'c succeeded',
        'd satisfied',
        'e blocked',
      ]);
      expect(phase).toBe('failed');
    });
    expect(
      asked.filter(
        (what) => /b|e|finalize|verify/.test(what.split(' ').slice(0, 2).join(' ')) && / [be] /.test(what),
      ),
    ).toEqual([]);
    expect(asked.some((what) => what.startsWith('finalizeStep'))).toBe(false);
    expect(asked).not.toContain('waitStep d 1');
  });

  it('with onStepFailure: fail, what still runs is killed', async () => {
    const { passed, open } = gate();
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) =>
        launch.step === 'a' ? passed.then(() => Promise.reject(failed(3))) : untilCancelled(),
    });
    await run(activities, [step('a'), step('b')], { onStepFailure: 'fail' }, async (client, id) => {
      await expect.poll(() => asked).toContain('waitStep b 1');
      open();
      expect(await client.result(id)).toMatchObject({ outcome: 'failed', failure: { exitCode: 3 } });
      expect((await client.status(id)).steps.map(({ state }) => state)).toEqual(['failed', 'killed']);
    });
    expect(asked.filter((what) => what.startsWith('killStep'))).toEqual(['killStep b 1']);
  });

  it('believes the code of a step that had ended when its time was over', async () => {
    const down = ApplicationFailure.create({ type: 'connection-lost', message: 'no link' });
    const { activities } = fakeActivities({
      waitStep: () => Promise.reject(down),
      killStep: async () => ({ found: 0, left: 0, exitCode: 137 }),
    });
    await run(activities, [step('a', { timeout: '5s' })], { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        failure: { code: 'step-failed', message: 'a: exit 137 (KILL)', exitCode: 137 },
      });
    });
  });

  it('with a fault that nobody foresaw, the run says so and lets go of the host', async () => {
    const fault = ApplicationFailure.create({
      type: 'TypeError',
      nonRetryable: true,
      message: 'x is not a function',
    });
    const { asked, activities } = fakeActivities({ installZmx: () => Promise.reject(fault) });
    await run(activities, [step('a')], {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        failure: { code: 'internal-error', message: 'TypeError: x is not a function' },
      });
    });
    expect(asked.at(-1)).toBe('releaseHost');
  });

  it.each([true, false])('search attributes are set only where the server knows them: %s', async (known) => {
    if (known) {
      const types: Readonly<Record<string, number>> = {
        ChandlerHost: 2,
        ChandlerPlan: 2,
        ChandlerPhase: 2,
        ChandlerAttention: 5,
      };
      await harness.env.connection.operatorService.addSearchAttributes({
        namespace: 'default',
        searchAttributes: types,
      });
    }
    const { activities } = fakeActivities({
      admitPlan: async () => ({ problems: [], searchAttributes: known }),
    });
    const steps = Array.from({ length: 40 }, (_, i) => step(`${'x'.repeat(36)}${i}`));
    await run(activities, steps, {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      const { events } = await client.temporal.workflow.getHandle(id).fetchHistory();
      const upserts = (events ?? []).filter((event) => event.upsertWorkflowSearchAttributesEventAttributes);
      expect(upserts.length > 0).toBe(known);
    });
  });
});
