import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import { gate } from '../support/gate.ts';
import {
  ended,
  failed,
  fakeActivities,
  type Harness,
  startHarness,
  started,
  step,
  untilCancelled,
} from './harness.ts';

const refused = (code: string) =>
  ApplicationFailure.create({ type: code, nonRetryable: true, message: code });

describe('the end of a run', () => {
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
  ])(
    'cancelled while %s kills the launches, releases the host and writes no sentinel',
    async (_, changes, what) => {
      const { asked, activities } = fakeActivities(changes);
      await run(activities, [step('a', { finalize: 'x' })], { onStepFailure: 'fail' }, async (client, id) => {
        expect(await cancelWhen(asked, what, client, id)).toMatchObject({
          cause: { name: 'CancelledFailure' },
        });
        expect(await client.status(id)).toMatchObject({
          phase: 'aborted',
          failure: { message: 'cancelled' },
        });
      });
      expect(asked.slice(-2)).toEqual(['killStep a 1', 'releaseHost']);
      expect(asked).not.toContain('verifySentinel');
    },
  );

  it('with onStepFailure: continue comes after every step that can run, and is a failure', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.step === 'a' ? Promise.reject(failed(3)) : Promise.resolve(ended)),
      runStep: async ({ step: { name } }) => (name === 'd' ? 'satisfied' : started),
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

  it('with onStepFailure: fail kills the steps that still run', async () => {
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

  it('keeps the exit code of a step that had ended when its timeout expired', async () => {
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

  it('after an unexpected fault reports it and releases the host', async () => {
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

  it.each([true, false])('sets search attributes only if the server knows them: %s', async (known) => {
    const { activities } = fakeActivities({
      async admitPlan() {
        const types = { ChandlerHost: 2, ChandlerPlan: 2, ChandlerPhase: 2, ChandlerAttention: 5 } as const;
        const search = { namespace: 'default', searchAttributes: types };
        if (known) await harness.env.connection.operatorService.addSearchAttributes(search);
        return {
          problems: [],
          searchAttributes: known ? (Object.keys(types) as (keyof typeof types)[]) : [],
        };
      },
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
