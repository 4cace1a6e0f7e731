import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChandlerClient } from '../../src/client.ts';
import { acceptedActions } from '../../src/domain/run/audit-trail.ts';
import { mapConcurrently } from '../support/chandler.ts';
import { failed, fakeActivities, startHarness, step, type Harness } from './harness.ts';

const MANY = 2000;
/** Enough to take too long if each were handled by itself, and more than a status lists. */
const FEWER = 500;
/** A status takes about half as long as to send the signals, on an idle machine and on a busy one. */
const SOON = 3;

describe('E3: a run that receives thousands of signals', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ suggestContinueAsNewAt: 10_000 });
  });
  afterAll(() => harness?.stop());

  /** Runs a plan of many steps, one of them parked, to which many signals are sent; answers how long a status then takes. */
  const afterSignals = async (
    count: number,
    send: (client: ChandlerClient, id: string, i: number) => Promise<void>,
    check: (client: ChandlerClient, id: string) => Promise<void>,
  ) => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    const steps = [step('a'), ...Array.from({ length: 9 }, (_, i) => step(`b${i}`, { needs: ['a'] }))];
    await harness.run(activities, steps, {}, async (client, id) => {
      await expect.poll(async () => (await client.status(id)).attention).toBe(true);
      const numbers = Array.from({ length: count }, (_, i) => i);
      const sentMs = await timed(() => mapConcurrently(numbers, 50, (i) => send(client, id, i)));
      expect(await timed(() => client.status(id))).toBeLessThan(SOON * sentMs);
      await check(client, id);
    });
  };
  const timed = async (work: () => Promise<unknown>) => {
    const startedMs = performance.now();
    await work();
    return performance.now() - startedMs;
  };
  const signal = (client: ChandlerClient, id: string, name: string, input: unknown) =>
    client.temporal.workflow.getHandle(id).signal(name, input);

  it('answers quickly when it accepts each, and records the latest 100', () =>
    afterSignals(
      MANY,
      (client, id, i) => signal(client, id, 'extendTimeout', { step: 'a', by: '1s', reason: `${i}` }),
      async (client, id) => {
        const { auditTrail } = await client.status(id);
        expect(auditTrail).toHaveLength(100);
        expect(auditTrail.every(({ action }) => action === 'extendTimeout')).toBe(true);
      },
    ));

  it('answers quickly when it refuses each, lists the latest 20 and counts all', () =>
    afterSignals(
      MANY,
      (client, id, i) => signal(client, id, i % 2 === 0 ? 'skipStep' : 'skipstep', { step: 'b1' }),
      async (client, id) => {
        const status = await client.status(id);
        expect(status.refusedActions).toBe(MANY);
        expect(status.auditTrail).toHaveLength(20);
        for (const { step, refused } of status.auditTrail) {
          expect(step).toBe('b1');
          expect(refused).toMatch(
            /^b1 is not parked: it has not started yet$|^unknown signal "skipstep"; did you mean skipStep\?$/,
          );
        }
      },
    ));

  it('answers each update that arrives among them', () =>
    afterSignals(
      FEWER,
      async (client, id, i) => {
        if (i !== FEWER / 2) return signal(client, id, 'skipStep', { step: 'b1' });
        await client.pause(id);
        await expect(client.pause(id)).rejects.toThrow('the run is already paused');
        await client.resume(id);
      },
      async (client, id) => {
        const accepted = acceptedActions(await client.status(id));
        expect(accepted.map(({ action }) => action)).toEqual(['pause', 'resume']);
      },
    ));
});
