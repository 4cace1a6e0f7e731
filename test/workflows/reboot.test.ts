import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gate } from '../support/gate.ts';
import { beating, ended, failed, fakeActivities, type Harness, startHarness, step } from './harness.ts';

describe('a step that may reboot its host', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());

  it('begins when no other step runs, and no other step begins while it runs', async () => {
    const [a, b] = [gate(), gate()];
    const begun: string[] = [];
    const { activities } = fakeActivities({
      async waitStep({ launch }) {
        begun.push(launch.step);
        await beating(launch.step === 'a' ? a.passed : launch.step === 'b' ? b.passed : Promise.resolve());
        return ended;
      },
    });
    const steps = [step('a'), step('b', { reboot: true }), step('c', { needs: ['a'] })];
    await harness.run(activities, steps, {}, async (client, id) => {
      const result = client.result(id);
      await expect
        .poll(async () => (await client.status(id)).steps[1])
        .toMatchObject({
          state: 'pending',
          waitingFor: 'the other steps, because it may reboot the host',
        });
      a.open();
      await expect.poll(() => begun.toSorted()).toEqual(expect.arrayContaining(['a', 'b']));
      const states = async () => (await client.status(id)).steps.map(({ state }) => state);
      // b and c may begin once a is over; whichever comes first, the other one waits.
      if (!begun.includes('c'))
        await expect
          .poll(async () => (await client.status(id)).steps[2])
          .toMatchObject({
            state: 'pending',
            waitingFor: 'a step that may reboot the host',
          });
      b.open();
      expect(await result).toMatchObject({ outcome: 'provisioned' });
      expect(await states()).toEqual(['succeeded', 'succeeded', 'succeeded']);
      expect((await client.status(id)).steps.some(({ waitingFor }) => waitingFor !== undefined)).toBe(false);
    });
  });

  it('waits for a parked step, whose terminal a reboot would end', async () => {
    const begun: string[] = [];
    const { activities } = fakeActivities({
      async waitStep({ launch }) {
        begun.push(`${launch.step} ${launch.attempt}`);
        if (launch.step === 'a' && launch.attempt === 1) throw failed(3);
        return ended;
      },
    });
    await harness.run(activities, [step('a'), step('b', { reboot: 'allowed' })], {}, async (client, id) => {
      const result = client.result(id);
      await expect.poll(async () => (await client.status(id)).steps[0]?.state).toBe('parked');
      expect((await client.status(id)).steps[1]).toMatchObject({ state: 'pending' });
      await client.retry(id, { step: 'a' });
      expect(await result).toMatchObject({ outcome: 'provisioned' });
      expect(begun).toEqual(['a 1', 'a 2', 'b 1']);
    });
  });
});
