import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, fakeActivities, startHarness, untilCancelled, type Harness } from './harness.ts';
import { foundOn, gaveUpOnA, launch, script, showing } from './self-provisioned.ts';

describe('a watch, with time at will', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness?.stop());

  it('of a host on which nothing begins fails when its time is over', async () => {
    const { activities } = fakeActivities(showing({}));
    await harness.watch(activities, { timeout: '5m' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'bootstrap-timeout' },
      });
    });
  });

  it('of a host that was provisioned before says so', async () => {
    const { asked, activities } = fakeActivities(showing({ sentinel: '' }));
    await harness.watch(activities, {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'already-provisioned' });
    });
    expect(asked).not.toContain('prepareHost');
  });

  it('fails with the words of a script that gave up before its first step', async () => {
    const gaveUp = {
      ...script,
      alive: false,
      phase: 'failed',
      failure: { code: 'zmx-unavailable', text: 'offline' } as const,
    };
    const { activities } = fakeActivities(showing({ script }, { script: gaveUp }));
    await harness.watch(activities, {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        failure: {
          code: 'zmx-unavailable',
          message: expect.stringMatching(/offline; its log is \/s\/log/) as string,
        },
      });
    });
  });

  it('parks what failed, and fails when nobody acts on it', async () => {
    const { activities } = fakeActivities(showing({ script }, gaveUpOnA));
    await harness.watch(activities, { parkTimeout: '6m' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ failure: { code: 'parked-too-long' } });
      expect((await client.status(id)).steps[0]).toMatchObject({ generation: 1, failure: { exitCode: 7 } });
    });
  });

  it('takes the host over from a script that has gone without a word, and asks a person first', async () => {
    const gone = { ...script, alive: false };
    const host = showing(
      { script },
      { script: gone, parts: [{ launch, state: { kind: 'interrupted', rebooted: true, logBytes: 0 } }] },
    );
    const waits = new Set<string>();
    const { asked, activities } = fakeActivities({
      ...host,
      // Time passes while the script may come back, and stands still once a person is asked.
      async followScript(input) {
        if (input.seen === '2') waits.add(Context.current().info.activityId);
        return waits.size > 1 ? untilCancelled() : host.followScript(input);
      },
      ...foundOn(gone),
      surveyLaunches: async () => [{ launch, state: { kind: 'interrupted', rebooted: true, logBytes: 0 } }],
      waitStep: async () => ended,
    });
    await harness.watch(activities, {}, async (client, id) => {
      const result = client.result(id);
      await expect
        .poll(() => client.status(id))
        .toMatchObject({ attention: true, steps: [{ state: 'parked' }, {}] });
      await client.retry(id, { step: 'a' });
      expect(await result).toMatchObject({ outcome: 'provisioned' });
    });
    expect(asked.filter((what) => /Step/.test(what))).toEqual([
      'killStep a 1',
      'runStep a 2',
      'waitStep a 2',
      'runStep b 1',
      'waitStep b 1',
    ]);
    expect(asked).toContain('verifySentinel');
  });
});
