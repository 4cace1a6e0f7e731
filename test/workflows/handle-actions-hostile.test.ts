import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChandlerClient } from '../../src/client.ts';
import { acceptedActions } from '../../src/domain/run/audit-trail.ts';
import { nastyText, UNFIT } from '../support/hostile.ts';
import { mapConcurrently } from '../support/chandler.ts';
import { failed, fakeActivities, startHarness, type Harness } from './harness.ts';

const SEED = 20_261_123;
const step = fc.oneof(
  fc.constantFrom<unknown>('b', 'x', '', '__proto__', null, 5, ['a'], { toString: 1 }),
  nastyText,
);
const input = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, 0, '', 'a', [], [{ step: 'a' }], true),
  fc.jsonValue({ maxDepth: 3 }),
  fc.record({ step, reason: fc.jsonValue(), script: fc.jsonValue() }, { requiredKeys: [] }),
  step.map((name): unknown => JSON.parse(`{"__proto__":{"step":"a"},"step":${JSON.stringify(name)}}`)),
);

const badScripts = [5, '', ' ', 'a\0', {}, null, 'x'.repeat(262_143), '\u0001'.repeat(50_000)];

describe('actions with arbitrary input', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());

  const parked = (client: ChandlerClient, id: string, attempt: number) =>
    expect
      .poll(async () => (await client.status(id)).steps[0], { interval: 50 })
      .toMatchObject({ state: 'parked', attempt });

  it('never stop a run, change it only where they are valid, and keep its status small', async () => {
    const { asked, activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    const steps = [
      { name: 'a', script: 'true' },
      { name: 'b', script: 'true', needs: ['a'] },
    ];
    // None of those on steps is valid: only `a` is parked, and no input names it in full.
    const payloads = fc.sample(input, { numRuns: 120, seed: SEED });
    await harness.run(activities, steps, {}, async (client, id) => {
      const run = client.temporal.workflow.getHandle(id);
      await parked(client, id, 1);
      const sent = [
        ...badScripts.map((script) => ({ name: 'retryStep', payload: { step: 'a', script } as unknown })),
        ...payloads.map((payload, i) => ({ name: ['retryStep', 'skipStep'][i % 2]!, payload })),
      ];
      for (const { name, payload } of sent) await run.signal(name, payload);
      const before = await client.status(id);
      expect(before).toMatchObject({ attention: true, paused: false, refusedActions: sent.length });
      expect(before.auditTrail).toHaveLength(20);
      expect(before.auditTrail.every(({ refused }) => refused !== undefined)).toBe(true);

      // The server takes ten at once for one run.
      const refusals = await mapConcurrently(sent.slice(0, 30), 5, ({ name, payload }) =>
        run.executeUpdate(name, { args: [payload] }).then(
          () => 'accepted',
          (error: { cause?: Error }) => error.cause?.message ?? 'no reason',
        ),
      );
      for (const reason of refusals) {
        expect(reason).toMatch(
          /^(the input must|unknown key|step must|reason must|there is no step|b is not parked|script )/,
        );
        expect(reason.length).toBeLessThan(300);
        expect(reason).not.toMatch(UNFIT);
      }

      const reason = '\u001b[2J"\n'.repeat(2000);
      for (let i = 0; i < 60; i += 1) {
        await run.signal('pause', { reason });
        await run.signal('resume', {});
      }
      await run.signal('skipStep', { step: `x${reason}` });
      const status = await client.status(id);
      expect(acceptedActions(status)).toHaveLength(100);
      expect(JSON.stringify(status)).not.toContain('\\u001b');
      expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(400_000);
      expect(status.steps).toEqual(before.steps);
      await run.signal('abort', payloads.at(-1));
      expect((await client.result(id)).outcome).toBe('aborted');
      const { events = [] } = await run.fetchHistory();
      expect(events?.some((event) => event.workflowTaskFailedEventAttributes)).toBe(false);
    });
    expect(asked.filter((what) => what.startsWith('runStep'))).toEqual(['runStep a 1']);
  });

  it.each([
    [262_142, undefined],
    [262_143, 'script is longer than 262144 bytes (as JSON)'],
  ])('a script of %i characters is %s', async (length, refusal) => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await harness.run(activities, [{ name: 'a', script: 'true' }], {}, async (client, id) => {
      await parked(client, id, 1);
      const said = await client.retry(id, { step: 'a', script: 'x'.repeat(length) }).then(
        () => undefined,
        (error: Error) => error.message,
      );
      expect(said).toBe(refusal);
      await parked(client, id, refusal === undefined ? 2 : 1);
      await client.abort(id);
      await client.result(id);
    });
  });
});
