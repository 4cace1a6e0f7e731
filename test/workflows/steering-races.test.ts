import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import { gate } from '../support/gate.ts';
import {
  beating,
  failed,
  fakeActivities,
  replay,
  startHarness,
  started,
  step,
  type Harness,
} from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness?.stop());

const states = async (client: ChandlerClient, id: string) =>
  (await client.status(id)).steps.map(({ name, state, attempt }) => `${name} ${state} ${attempt}`);

const reach = (client: ChandlerClient, id: string, wanted: string[]) =>
  expect.poll(() => states(client, id), { interval: 30 }).toEqual(wanted);

const steps = [step('a'), step('b', { needs: ['a'] })];
const failsOnce: Activities['waitStep'] = ({ launch }) =>
  launch.step === 'b' && launch.attempt === 1
    ? Promise.reject(failed(3))
    : Promise.resolve({ exitCode: 0, elapsedMs: 1, logBytes: 0 });

/** A host on which b fails at first, and what is left of it ends when the test lets it. */
function slowToEnd() {
  const killing = gate();
  const killStep = async () => {
    await beating(killing.passed);
    return { found: 0, left: 0 };
  };
  return { killing, ...fakeActivities({ waitStep: failsOnce, killStep }) };
}

describe('a step that is reset', () => {
  it('runs again, also when it was being skipped', async () => {
    const { killing, asked, activities } = slowToEnd();
    await harness.run(activities, steps, {}, async (client, id) => {
      await reach(client, id, ['a succeeded 1', 'b parked 1']);
      await client.skip(id, { step: 'b' });
      await expect.poll(() => asked).toContain('killStep b 1');
      await client.retry(id, { step: 'a', resetDownstream: true });
      killing.open();
      await reach(client, id, ['a succeeded 2', 'b succeeded 2']);
      expect((await client.result(id)).outcome).toBe('provisioned');
      await replay(client, id);
    });
  });

  it('runs again, also when the request to start it fails after all', async () => {
    const starting = gate();
    const { asked, activities } = fakeActivities({
      runStep: async ({ launch }) => {
        if (launch.step === 'a' || launch.attempt > 1) return started;
        await beating(starting.passed);
        throw failed(3);
      },
    });
    await harness.run(activities, steps, { onStepFailure: 'fail' }, async (client, id) => {
      await expect.poll(() => asked).toContain('runStep b 1');
      await client.retry(id, { step: 'a', resetDownstream: true });
      starting.open();
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect(await states(client, id)).toEqual(['a succeeded 2', 'b succeeded 2']);
      await replay(client, id);
    });
  });

  it('refuses actions meanwhile', async () => {
    const { killing, asked, activities } = slowToEnd();
    await harness.run(activities, steps, {}, async (client, id) => {
      await reach(client, id, ['a succeeded 1', 'b parked 1']);
      await client.retry(id, { step: 'a', resetDownstream: true });
      await expect.poll(() => asked).toContain('killStep b 1');
      await expect(client.skip(id, { step: 'b' })).rejects.toThrow('b is being reset');
      await expect(client.retry(id, { step: 'b' })).rejects.toThrow('b is being reset');
      killing.open();
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });
});

describe('the settings of many retries together', () => {
  it('fit into one action, and into the status', async () => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, ['a parked 1']);
      await client.retry(id, { step: 'a', env: { A: 'x'.repeat(40_000) } });
      await reach(client, id, ['a parked 2']);
      await expect(client.retry(id, { step: 'a', env: { B: 'x'.repeat(40_000) } })).rejects.toThrow(
        'env would be longer than 65536 bytes (as JSON), together with what earlier retries of a set',
      );
      const names = Array.from({ length: 1000 }, (_, i) => `NAME_${i}`);
      const env = Object.fromEntries(names.map((name) => [name, '']));
      await client.retry(id, { step: 'a', env });
      const { auditTrail } = await client.status(id);
      expect(auditTrail[1]?.env?.at(-1)).toMatch(/^\d+ more$/);
      expect(auditTrail[1]?.env?.join('').length).toBeLessThan(1100);
      await reach(client, id, ['a parked 3']);
      await client.abort(id);
      await client.result(id);
    });
  });
});
