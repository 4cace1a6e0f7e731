import { ApplicationFailure, Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ChandlerClient } from '../../src/client.ts';
import { acceptedActions } from '../../src/domain/run/audit-trail.ts';
import { findStatus } from '../support/find-status.ts';
import { gate } from '../support/gate.ts';
import {
  currentDetails,
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

describe('an action', () => {
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

  it('C3: is applied or refused with the reason, and a refused signal is recorded', async () => {
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
      const object = 'the input must be an object such as {"step": "NAME"}';
      const refusals = [
        ['retryStep', undefined, object],
        ['retryStep', null, object],
        ['retryStep', 'a', object],
        ['retryStep', ['a'], object],
        ['retryStep', { step: 5 }, 'step must be the name of a step'],
        ['skipStep', {}, 'step must be the name of a step'],
        ['retryStep', { stpe: 'a' }, 'unknown key "stpe"; did you mean step?'],
        ['retryStep', { step: 'a', froce: true }, 'unknown key "froce"; did you mean force?'],
        ['skipStep', { step: 'a', force: true }, 'unknown key "force"; the keys are step, reason, requestId'],
        ['pause', 'wrong host', 'the input must be an object such as {"reason": "…"}'],
        ['pause', { reason: 5 }, 'reason must be text'],
        ['pause', { step: 'a' }, 'unknown key "step"; the keys are reason, requestId'],
        ['skipStep', { step: 'x' }, 'there is no step "x"; the steps are a, b'],
        ['retryStep', { step: 'b' }, 'b is not parked: it has not started yet'],
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
      const refused = refusals.map(([action, , reason]) => ({ action, refused: reason }));
      expect(await client.status(id)).toMatchObject({
        attention: true,
        auditTrail: refused,
        refusedActions: refused.length,
      });
      await client.retry(id, { step: 'a', script: 'other' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect(await client.status(id)).toMatchObject({
        attention: false,
        steps: [{ state: 'succeeded', attempt: 2 }, { state: 'succeeded' }],
        auditTrail: [...refused, { action: 'retryStep', step: 'a' }],
      });
    });
    expect(asked.filter((what) => what.startsWith('runStep a'))).toEqual(['runStep a 1', 'runStep a 2']);
    // What the failed try left in the background must not meet the next one.
    expect(asked.filter((what) => what.startsWith('killStep'))).toEqual(['killStep a 1']);
  });

  it('that is refused as a signal appears with the reason in the status, in the UI and in the result', async () => {
    const { activities } = fakeActivities({ waitStep: failingFirst(failed(3)) });
    await run(activities, [step('migrate')], {}, async (client, id) => {
      await reach(client, id, 'migrate', 'parked');
      const refusals = [
        ['retryStep', { step: 'migrat' }, 'there is no step "migrat"; did you mean migrate?'],
        ['retrystep', { step: 'migrate' }, 'unknown signal "retrystep"; did you mean retryStep?'],
        [
          'restart',
          ['migrate'],
          'unknown signal "restart"; the actions are retryStep, skipStep, abort, pause, resume, extendTimeout',
        ],
        ['skipStep', '{"step": "migrate"}', 'the input must be an object such as {"step": "NAME"}'],
      ] as const;
      for (const [name, input, reason] of refusals) {
        await signal(client, id, name, input);
        const { auditTrail, attention } = await client.status(id);
        expect(auditTrail.at(-1)).toMatchObject({
          action: name,
          refused: reason,
          by: expect.stringContaining('@') as string,
        });
        expect(attention).toBe(true);
        const [shown = ''] = (await currentDetails(client, id)).match(/.*Refused.*/) ?? [];
        expect(shown.replaceAll('\\', '')).toContain(reason.slice(0, 180));
      }
      await client.retry(id, { step: 'migrate' });
      const result = await client.result(id);
      const recorded = refusals.map(([action, , refused]) => ({ action, refused }));
      expect(result).toMatchObject({
        outcome: 'provisioned',
        result: { auditTrail: [...recorded, { action: 'retryStep', step: 'migrate' }] },
      });
      expect(await currentDetails(client, id)).not.toContain('Refused');
    });
  });

  it('with a name that the SDK reserves is refused and does not stop the run', async () => {
    const { activities } = fakeActivities({ waitStep: failingFirst(failed(3)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      const names = ['__temporal_x', '__stack_trace', '__enhanced_stack_trace', '__proto__', 'toString'];
      for (const name of names) await signal(client, id, name, { step: 'a' }, 'root@elsewhere');
      const { auditTrail } = await client.status(id);
      expect(auditTrail.map(({ action }) => action.replace('reserved: ', ''))).toEqual(names);
      expect(JSON.stringify(auditTrail)).not.toContain('root@elsewhere');
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      const { events = [] } = await client.temporal.workflow.getHandle(id).fetchHistory();
      expect(events?.some((event) => event.workflowTaskFailedEventAttributes)).toBe(false);
    });
  });

  it('in an unreadable encoding is refused, like a plan, and does not stop the run', async () => {
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
        cause: { message: expect.stringContaining('cannot be read') as string },
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

  it('is applied once, however often it is sent', async () => {
    const { asked, activities } = fakeActivities({ waitStep: failingFirst(failed(3), failed(4)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      await Promise.all([1, 2, 3].map(() => signal(client, id, 'retryStep', { step: 'a' })));
      await expect
        .poll(async () => (await client.status(id)).steps[0])
        .toMatchObject({ state: 'parked', attempt: 2, exitCode: 4 });
      await signal(client, id, 'skipStep', { step: 'a', reason: 'known' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      const status = await client.status(id);
      expect(acceptedActions(status)).toMatchObject([
        { action: 'retryStep', step: 'a' },
        { action: 'skipStep', step: 'a', reason: 'known' },
      ]);
      expect(status.refusedActions).toBe(2);
    });
    expect(asked.filter((what) => what.startsWith('runStep'))).toHaveLength(2);
  });

  it('acts on the finalizer once the step is done', async () => {
    const { asked, activities } = fakeActivities({ finalizeStep: failingFirst(refused('finalizer-failed')) });
    await run(activities, [step('a', { finalize: 'x' })], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked', 'finalizer');
      await client.retry(id, { step: 'a', script: 'y' });
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    expect(asked).toContain('finalizeStep a 2');
    expect(asked.filter((what) => what.startsWith('runStep'))).toHaveLength(1);
  });

  it('pauses and resumes the steps that have not started', async () => {
    const { passed, open } = gate();
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'a' ? passed : Promise.resolve()).then(() => ended),
    });
    await run(activities, [step('a'), step('b', { needs: ['a'] })], {}, async (client, id) => {
      await reach(client, id, 'a', 'running');
      expect(await client.pause(id, { reason: 'lunch' })).toMatchObject({ paused: true });
      await expect(client.pause(id)).rejects.toThrow('the run is already paused');
      open();
      await reach(client, id, 'a', 'succeeded');
      // What may begin does so with what it waited for: whoever is shown the one would be shown the other.
      expect((await client.status(id)).steps).toMatchObject([{ state: 'succeeded' }, { state: 'pending' }]);
      expect(asked).not.toContain('runStep b 1');
      expect(await client.resume(id)).toMatchObject({ paused: false });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).auditTrail).toMatchObject([
        { action: 'pause', reason: 'lunch' },
        { action: 'resume' },
      ]);
    });
  });

  it('on a failure is accepted once, also in a paused run; the next failure accepts another', async () => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, 'a', 'parked');
      await client.pause(id);
      await client.retry(id, { step: 'a' });
      await reach(client, id, 'a', 'pending');
      // What it failed of is no news any more.
      expect((await client.status(id)).steps).toEqual([
        { name: 'a', state: 'pending', attempt: 1, session: 'a' },
      ]);
      await expect(client.skip(id, { step: 'a' })).rejects.toThrow('a is not parked: it has not started yet');
      await client.resume(id);
      await expect.poll(async () => (await client.status(id)).steps[0]?.attempt).toBe(2);
      await reach(client, id, 'a', 'parked');
      await client.abort(id);
      expect((await client.result(id)).outcome).toBe('aborted');
    });
  });

  it('that aborts the run removes a sentinel that may already have been written', async () => {
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

  it('that aborts the run is not lost when it arrives as soon as the run has started', async () => {
    const { activities } = fakeActivities({ waitStep: untilCancelled });
    await run(activities, [step('a')], {}, async (client, id) => {
      await client.abort(id, { reason: 'too soon' });
      expect(await client.result(id)).toMatchObject({
        outcome: 'aborted',
        failure: { message: 'aborted (too soon)' },
      });
    });
  });

  it('aborts a run that has not reached its host', async () => {
    const { asked, activities } = fakeActivities({ prepareHost: untilCancelled });
    await run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(() => asked.at(-1)).toBe('prepareHost');
      await client.abort(id, { reason: 'wrong host' });
      expect(await client.result(id)).toMatchObject({
        outcome: 'aborted',
        failure: { code: 'aborted', message: 'aborted (wrong host)' },
      });
      expect(await client.status(id)).toMatchObject({ phase: 'aborted', steps: [{ state: 'pending' }] });
    });
    expect(asked).toEqual(['admitPlan', 'prepareHost']);
  });

  it('that was sent before the run started is applied', async () => {
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
        failure: { message: 'aborted (no reason given)' },
      });
    });
    expect(asked.filter((what) => what === 'prepareHost')).toHaveLength(1);
  });

  it('aborts running steps and reports those that could not be ended', async () => {
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
        'aborted (no reason given) (a could not be killed and may still run: auth-failed; 1 processes of b would not die; 1 processes of c would not die)',
      );
    });
    expect(asked.at(-1)).toBe('releaseHost');
    expect(asked).not.toContain('verifySentinel');
  });

  it('changes nothing while the run ends', async () => {
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

  it('that retries a step ends earlier launches first, and parks the step again if that fails', async () => {
    const kills = [
      () => Promise.reject(refused('host-key-mismatch')),
      () => Promise.resolve({ found: 1, left: 2 }),
    ];
    const { asked, activities } = fakeActivities({
      waitStep: failingFirst(failed(3)),
      killStep: () => (kills.shift() ?? (() => Promise.resolve({ found: 1, left: 0 })))(),
    });
    await run(activities, [step('a')], {}, async (client, id) => {
      const parked = async (code: string) => {
        await expect
          .poll(async () => (await client.status(id)).steps[0])
          .toMatchObject({ state: 'parked', failure: { code } });
      };
      await reach(client, id, 'a', 'parked');
      await parked('step-failed');
      await client.retry(id, { step: 'a' });
      // The host key keeps it from being asked at first, which is no failure of the step.
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
