import { hostname } from 'node:os';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import type { Notification, NotifiedEvent } from '../../src/domain/run/notification.ts';
import { validatePlan } from '../../src/domain/plan/validate.ts';
import { findStatus } from '../support/find-status.ts';
import {
  beating,
  ended,
  failed,
  fakeActivities,
  replay,
  startHarness,
  started,
  step,
  untilCancelled,
  type Harness,
} from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness?.stop());

/** Launches that fail, by `STEP GENERATION`, and those that go on until they are ended; all others succeed at once. */
function launches(
  behaviour: Readonly<Record<string, 'fails' | 'goes on'>>,
): Pick<Activities, 'waitStep' | 'finalizeStep'> {
  const end = ({ launch }: { launch: { step: string; attempt: number } }) => {
    const how = behaviour[`${launch.step} ${launch.attempt}`];
    if (how === 'fails') return Promise.reject(failed(3));
    return how === 'goes on' ? untilCancelled() : Promise.resolve(ended);
  };
  return { waitStep: end, finalizeStep: end };
}

function reach(client: ChandlerClient, id: string, states: Readonly<Record<string, string>>) {
  return expect
    .poll(
      async () => {
        const status = await findStatus(client, id);
        return Object.fromEntries(status?.steps.map(({ name, state }) => [name, state]) ?? []);
      },
      { interval: 30 },
    )
    .toMatchObject(states);
}

const begun = (asked: readonly string[]) =>
  asked.filter((what) => /^(runStep|killStep)/.test(what)).map((what) => what.replace('Step', ''));

describe('an action on a run', () => {
  it('is recorded with sender, time and reason, as signal and update, and is part of the result', async () => {
    const { activities } = fakeActivities(launches({ 'a 1': 'fails', 'b 1': 'fails' }));
    await harness.run(activities, [step('a'), step('b')], {}, async (client, id) => {
      await reach(client, id, { a: 'parked', b: 'parked' });
      const anna = new Client({ connection: client.temporal.connection, identity: 'anna@laptop' });
      const handle = anna.workflow.getHandle(id);
      // A second argument is nothing that a client could tell.
      await handle.signal('retryStep', { step: 'a', reason: 'mirror is back' }, 'somebody else');
      await reach(client, id, { a: 'succeeded' });
      await client.skip(id, { step: 'b', reason: 'by hand' });
      const result = await client.result(id);
      const us = `${process.pid}@${hostname()}`;
      const auditTrail = [
        {
          action: 'retryStep',
          step: 'a',
          reason: 'mirror is back',
          by: 'anna@laptop',
          atMs: expect.any(Number) as number,
        },
        { action: 'skipStep', step: 'b', reason: 'by hand', by: us, atMs: expect.any(Number) as number },
      ];
      expect((await client.status(id)).auditTrail).toEqual(auditTrail);
      expect(result).toMatchObject({ outcome: 'provisioned', result: { auditTrail } });
      await replay(client, id);
    });
  });

  it('is part of the failure of a run that did not succeed', async () => {
    const { activities } = fakeActivities(launches({ 'a 1': 'fails' }));
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { a: 'parked' });
      await client.abort(id, { reason: 'wrong image' });
      expect(await client.result(id)).toMatchObject({
        outcome: 'aborted',
        failure: { auditTrail: [{ action: 'abort', reason: 'wrong image' }] },
      });
    });
  });
});

describe('an action with a request id', () => {
  it('counts once, as signal or update; a refused one may be sent again; another action may not use its id', async () => {
    const { asked, activities } = fakeActivities(launches({ 'a 1': 'fails', 'a 2': 'fails' }));
    await harness.run(activities, [step('b'), step('a', { needs: ['b'] })], {}, async (client, id) => {
      const handle = client.temporal.workflow.getHandle(id);
      await reach(client, id, { a: 'parked' });
      const order = { step: 'a', requestId: 'r-1' };
      await expect(client.retry(id, { ...order, step: 'b' })).rejects.toThrow(
        'b is not parked: it has already succeeded',
      );
      await client.retry(id, order);
      await expect
        .poll(async () => (await client.status(id)).steps[1])
        .toMatchObject({ state: 'parked', attempt: 2 });
      await handle.signal('retryStep', order);
      const again = await client.retry(id, order);
      expect(again).toMatchObject({
        steps: [{}, { state: 'parked', attempt: 2 }],
        auditTrail: [{ step: 'a' }],
      });
      await expect(client.abort(id, { requestId: 'r-1' })).rejects.toThrow(
        'the request id was already used for retryStep',
      );
      for (const requestId of ['', 5, 'x'.repeat(201)]) {
        const odd = { step: 'a', requestId } as { step: string };
        await expect(client.retry(id, odd)).rejects.toThrow(
          'requestId must be text of at most 200 characters',
        );
      }
      await client.retry(id, { step: 'a', requestId: 'r-2' });
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    expect(begun(asked).filter((what) => what.startsWith('run a'))).toEqual([
      'run a 1',
      'run a 2',
      'run a 3',
    ]);
  });
});

describe('retryStep with env', () => {
  it('adds variables to that part alone, over those of the plan, and records their names', async () => {
    const envs: Record<string, unknown> = {};
    const { activities } = fakeActivities({
      ...launches({ 'a 1': 'fails', 'a 2': 'fails' }),
      runStep: async ({ launch, step: { env } }) => {
        envs[`${launch.step} ${launch.attempt}`] = env;
        return started;
      },
      finalizeStep: async ({ step: { env } }) => {
        envs['finalizer'] = env;
        return ended;
      },
    });
    const steps = [step('a', { env: { A: 'plan', B: 'plan' }, finalize: 'x' }), step('b')];
    await harness.run(activities, steps, {}, async (client, id) => {
      await reach(client, id, { a: 'parked' });
      for (const [env, message] of [
        ['A=1', 'env must be an object such as {"NAME": "value"}'],
        [null, 'env must be an object such as {"NAME": "value"}'],
        [[], 'env must be an object such as {"NAME": "value"}'],
        [{ 'A B': '' }, 'env.A B: must be the name of an environment variable'],
        [{ ZMX_DIR: '/' }, 'env.ZMX_DIR: must not begin with CHANDLER_ or ZMX_: those are reserved'],
        [{ UID: '0' }, 'env.UID: is read-only in bash'],
        [{ A: 5 }, 'env.A: must be text without a NUL byte'],
        [{ A: 'x\0' }, 'env.A: must be text without a NUL byte'],
        [{ A: 'x'.repeat(65_536) }, 'env is longer than 65536 bytes (as JSON)'],
      ]) {
        await expect(client.retry(id, { step: 'a', env } as never)).rejects.toThrow(message);
      }
      await client.retry(id, { step: 'a', env: { B: 'one', C: 'one' } });
      await expect
        .poll(async () => (await client.status(id)).steps[0])
        .toMatchObject({ state: 'parked', attempt: 2 });
      await client.retry(id, { step: 'a', env: { C: 'two' } });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).auditTrail).toMatchObject([{ env: ['B', 'C'] }, { env: ['C'] }]);
    });
    expect(envs).toEqual({
      'a 1': { A: 'plan', B: 'plan' },
      'a 2': { A: 'plan', B: 'one', C: 'one' },
      'a 3': { A: 'plan', B: 'one', C: 'two' },
      'b 1': {},
      finalizer: { A: 'plan', B: 'plan' },
    });
  });
});

describe('retryStep with resetDownstream', () => {
  const chain = [step('a'), step('b', { needs: ['a'] }), step('c', { needs: ['b'] }), step('d')];

  it('runs a done step again and then its dependents, after it has ended those that run', async () => {
    const { asked, activities } = fakeActivities(
      launches({ 'b 1': 'fails', 'd 1': 'goes on', 'c 1': 'goes on' }),
    );
    await harness.run(activities, chain, {}, async (client, id) => {
      await reach(client, id, { a: 'succeeded', b: 'parked', c: 'pending', d: 'running' });
      await client.retry(id, { step: 'a', script: 'better', resetDownstream: true });
      await reach(client, id, { a: 'succeeded', b: 'succeeded', c: 'running', d: 'running' });
      await expect.poll(() => asked).toContain('waitStep c 1');
      // Once more, with c under way: it is ended before a begins.
      const order = { step: 'a', resetDownstream: true } as const;
      await client.temporal.workflow.getHandle(id).signal('retryStep', order);
      await expect
        .poll(async () => (await client.status(id)).steps)
        .toMatchObject([{ attempt: 3 }, { attempt: 3 }, { attempt: 2 }, { attempt: 1 }]);
      const { auditTrail } = await client.status(id);
      expect(auditTrail).toMatchObject([{ script: true, reset: ['b'] }, { reset: ['b', 'c'] }]);
      expect(begun(asked).filter((what) => what !== 'run d 1')).toEqual([
        'run a 1',
        'run b 1',
        'kill b 1',
        'run a 2',
        'run b 2',
        'run c 1',
        'kill c 1',
        'run a 3',
        'run b 3',
        'run c 2',
      ]);
      await client.abort(id);
      await client.result(id);
      await replay(client, id);
    });
  });

  it('also resets steps that have failed for good with onStepFailure: continue', async () => {
    const { asked, activities } = fakeActivities(
      launches({ 'a 1': 'fails', 'd 1': 'goes on', 'd 2': 'fails' }),
    );
    const options = { onStepFailure: 'continue' as const };
    await harness.run(activities, chain, options, async (client, id) => {
      await reach(client, id, { a: 'failed', b: 'blocked', c: 'blocked', d: 'running' });
      await expect(client.retry(id, { step: 'a' })).rejects.toThrow(
        'a is not parked: it has failed for good',
      );
      await client.retry(id, { step: 'a', resetDownstream: true });
      await reach(client, id, { a: 'succeeded', b: 'succeeded', c: 'succeeded', d: 'running' });
      await client.abort(id);
      await client.result(id);
      await replay(client, id);
    });
    expect(begun(asked)).toContain('run c 1');
  });

  it('resets steps that wait for their next attempt, and those that a pause holds', async () => {
    const { asked, activities } = fakeActivities(launches({ 'b 1': 'fails', 'd 1': 'goes on' }));
    const steps = [step('a'), step('b', { needs: ['a'], retry: { attempts: 2, backoff: '1h' } }), step('d')];
    await harness.run(activities, steps, {}, async (client, id) => {
      await reach(client, id, { b: 'retrying', d: 'running' });
      await expect(client.retry(id, { step: 'a', resetDownstream: 'true' } as never)).rejects.toThrow(
        'resetDownstream must be true or false',
      );
      await client.pause(id);
      await client.retry(id, { step: 'a', resetDownstream: true });
      await reach(client, id, { a: 'pending', b: 'pending' });
      await expect(client.retry(id, { step: 'a', resetDownstream: true })).rejects.toThrow(
        'a has not started yet; only a parked, failed or done step can be reset',
      );
      await client.resume(id);
      await reach(client, id, { a: 'succeeded', b: 'succeeded' });
      const order = begun(asked).filter((what) => what !== 'run d 1');
      expect(order).toEqual(['run a 1', 'run b 1', 'kill b 1', 'run a 2', 'run b 2']);
      await client.abort(id);
      await client.result(id);
      await replay(client, id);
    });
  });

  it('parks a step whose processes could not be ended', async () => {
    const { asked, activities } = fakeActivities({
      ...launches({ 'b 1': 'goes on' }),
      killStep: async () => ({ found: 1, left: 1 }),
    });
    const steps = [step('a'), step('b', { needs: ['a'] })];
    await harness.run(activities, steps, {}, async (client, id) => {
      await expect.poll(() => asked).toContain('waitStep b 1');
      await client.retry(id, { step: 'a', resetDownstream: true });
      await reach(client, id, { a: 'succeeded', b: 'parked' });
      expect((await client.status(id)).steps[1]?.failure?.message).toBe('1 processes of b would not die');
      await client.retry(id, { step: 'b' });
      await expect
        .poll(async () => (await client.status(id)).steps[1])
        .toMatchObject({ state: 'parked', attempt: 2 });
      await client.abort(id);
      await client.result(id);
    });
  });

  it('is refused once the finalizers have begun', async () => {
    const { activities } = fakeActivities(launches({}));
    const failing = { ...activities, finalizeStep: () => Promise.reject(failed(1)) };
    await harness.run(failing, [step('a', { finalize: 'x' })], {}, async (client, id) => {
      await expect.poll(async () => (await client.status(id)).steps[0]?.finalizer?.state).toBe('parked');
      await expect(client.retry(id, { step: 'a', resetDownstream: true })).rejects.toThrow(
        "steps can't be reset in this phase (finalizers)",
      );
      await client.abort(id);
    });
  });
});

describe('extendTimeout', () => {
  it('gives a running step more time, and its next attempts, too', async () => {
    const waits: (number | undefined)[] = [];
    const { activities } = fakeActivities({
      waitStep: ({ launch }) => {
        if (launch.step !== 'a') return Promise.resolve(ended);
        waits.push(launch.attempt);
        return launch.attempt === 1 ? untilCancelled() : Promise.resolve(ended);
      },
    });
    const steps = [step('a', { timeout: '8s' }), step('z', { needs: ['a'] })];
    await harness.run(activities, steps, {}, async (client, id) => {
      await reach(client, id, { a: 'running' });
      await client.extendTimeout(id, { step: 'a', by: '1s', reason: 'slow mirror' });
      await client.extendTimeout(id, { step: 'a', by: 500 });
      await expect(client.extendTimeout(id, { step: 'a', by: '365d' })).rejects.toThrow('a would get');
      for (const [by, message] of [
        ['soon', 'by must be a duration such as 10m, or milliseconds; at most 365d'],
        [0, 'by must be a duration'],
        [undefined, 'by must be a duration'],
        ['366d', 'by must be a duration'],
      ]) {
        await expect(client.extendTimeout(id, { step: 'a', by } as never)).rejects.toThrow(message);
      }
      await reach(client, id, { a: 'parked' });
      expect((await client.status(id)).steps[0]).toMatchObject({
        extendedByMs: 1500,
        failure: { code: 'step-timeout', message: 'a took longer than 9.5 s and was ended' },
      });
      await client.extendTimeout(id, { step: 'a', by: '1h' });
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).auditTrail).toMatchObject([
        { action: 'extendTimeout', step: 'a', extendedByMs: 1000, reason: 'slow mirror' },
        { extendedByMs: 500 },
        { extendedByMs: 3_600_000 },
        { action: 'retryStep' },
      ]);
      await replay(client, id);
    });
    // How often it is waited for depends on when the messages came.
    expect(waits.at(-1)).toBe(2);
    expect(waits.slice(0, -1).length).toBeGreaterThanOrEqual(2);
    expect(new Set(waits.slice(0, -1))).toEqual(new Set([1]));
  });

  it('is refused for a step that is over', async () => {
    const { activities } = fakeActivities(launches({ 'b 1': 'fails' }));
    await harness.run(activities, [step('a'), step('b')], {}, async (client, id) => {
      await reach(client, id, { a: 'succeeded', b: 'parked' });
      await expect(client.extendTimeout(id, { step: 'a', by: '1m' })).rejects.toThrow(
        'a has already succeeded',
      );
      await client.abort(id);
    });
  });

  it.each(['step', 'finalizer'] as const)(
    'is refused while a %s is being ended, because its time is up',
    async (kind) => {
      let end = () => {};
      const ending = new Promise<void>((resolve) => (end = resolve));
      const { asked, activities } = fakeActivities({
        [kind === 'step' ? 'waitStep' : 'finalizeStep']: ({ launch }: { launch: { attempt: number } }) =>
          launch.attempt === 1 ? untilCancelled() : Promise.resolve(ended),
        async killStep() {
          await beating(ending);
          return { found: 1, left: 0 };
        },
      });
      const steps = [step('a', { timeout: '1s', finalize: 'true' })];
      await harness.run(activities, steps, {}, async (client, id) => {
        await expect.poll(() => asked).toContain('killStep a 1');
        const more = { step: 'a', by: '1h' };
        const what = kind === 'step' ? 'a' : 'the finalizer of a';
        await expect(client.extendTimeout(id, more)).rejects.toThrow(
          `the time of ${what} is up, and it is being ended; extend it before its next attempt`,
        );
        end();
        await expect.poll(async () => (await client.status(id)).attention).toBe(true);
        await client.extendTimeout(id, more);
        await client.retry(id, { step: 'a' });
        await client.result(id);
        expect((await client.status(id)).auditTrail.map(({ action }) => action)).toEqual([
          'extendTimeout',
          'retryStep',
        ]);
        await replay(client, id);
      });
    },
  );
});

describe('a worker with notifications', () => {
  const telling = (
    changes: Partial<Activities> = {},
    events: readonly NotifiedEvent[] = ['parked', 'failed', 'provisioned'],
  ) => {
    const told: Notification[] = [];
    const { activities } = fakeActivities({
      admitPlan: async (plan) => ({
        problems: validatePlan(plan).problems ?? [],
        searchAttributes: [],
        notify: { events, channels: ['url'] },
      }),
      sendNotification: async ({ notification }) => void told.push(notification),
      ...changes,
    });
    return { told, activities };
  };

  it('notifies once of each waiting step, and of the end, with everything that an operator needs', async () => {
    const { told, activities } = telling(launches({ 'a 1': 'fails', 'a 2': 'fails' }));
    const plan = { name: 'web', fleet: 'eu', labels: { tier: 'front' } };
    await harness.run(activities, [step('a'), step('b')], plan, async (client, id) => {
      await reach(client, id, { a: 'parked' });
      await client.pause(id);
      await client.resume(id);
      await client.retry(id, { step: 'a' });
      await expect
        .poll(async () => (await client.status(id)).steps[0])
        .toMatchObject({ state: 'parked', attempt: 2 });
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      await expect.poll(() => told.length).toBe(3);
      const { runId } = await client.temporal.workflow.getHandle(id).describe();
      const run = {
        namespace: 'default',
        workflowId: id,
        runId,
        host: 'root@h:22',
        plan: 'web',
        fleet: 'eu',
        labels: { tier: 'front' },
      };
      expect(told).toMatchObject([
        {
          ...run,
          id: `${runId}:parked:step:a:1`,
          event: 'parked',
          step: 'a',
          failure: { code: 'step-failed', exitCode: 3 },
          text: `root@h:22 needs attention: a is parked: exit 3 (step-failed)\nInspect and act: chandler watch ${id}`,
        },
        { ...run, id: `${runId}:parked:step:a:2`, event: 'parked' },
        { ...run, id: `${runId}:provisioned`, event: 'provisioned', text: 'root@h:22 is provisioned (web)' },
      ]);
      await replay(client, id);
    });
  });

  it('retries an undelivered notification, which delays no run', async () => {
    let tries = 0;
    const { activities } = telling({
      ...launches({ 'a 1': 'fails' }),
      sendNotification: async () => {
        tries += 1;
        if (tries < 3) throw new Error('the webhook is down');
      },
    });
    await harness.run(activities, [step('a')], { onStepFailure: 'fail' }, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('failed');
      await expect.poll(() => tries).toBe(3);
    });
  });

  it('notifies of the end of a run that was limited to some steps', async () => {
    const { told, activities } = telling({}, ['provisioned', 'incomplete']);
    const plan = { name: 'web', run: { only: ['a'] } };
    await harness.run(activities, [step('a'), step('b'), step('c')], plan, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('incomplete');
      await expect.poll(() => told.map(({ event }) => event)).toEqual(['incomplete']);
      expect(told[0]?.text).toBe('root@h:22: the selected steps are done (web); not done: b, c');
      await replay(client, id);
    });
  });

  it('notifies of a refused plan, not of an aborted run, and only of the chosen events', async () => {
    const refused = telling();
    const aborted = telling(launches({ 'a 1': 'fails' }), ['failed', 'provisioned']);
    await harness.run(aborted.activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { a: 'parked' });
      await client.abort(id);
      await client.result(id);
    });
    await harness.run(refused.activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      await client.temporal.workflow.start('provision', {
        workflowId: `${id}-bad`,
        taskQueue: harness.taskQueue,
        args: [{ steps: [] }],
      });
      expect((await client.result(`${id}-bad`)).outcome).toBe('failed');
      await expect.poll(() => refused.told.map(({ event }) => event)).toEqual(['provisioned', 'failed']);
      expect(refused.told[1]?.failure?.code).toBe('invalid-input');
    });
    expect(aborted.told).toEqual([]);
  });
});
