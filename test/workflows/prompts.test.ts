import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Prompted } from '../../src/activities/wait-answers.ts';
import type { Notification } from '../../src/domain/run/notification.ts';
import { validatePlan } from '../../src/domain/plan/validate.ts';
import { gate } from '../support/gate.ts';
import {
  beating,
  currentDetails,
  ended,
  failed,
  fakeActivities,
  type Harness,
  startHarness,
  step,
} from './harness.ts';

const attach = 'ssh h attach a';
const at = (prompt: string, lastLine = ''): Prompted => ({ prompt, lastLine, attach });

describe('a step that waits for keyboard input', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness({ suggestContinueAsNewAt: 80 });
  });
  afterAll(() => harness?.stop());

  /** A host whose step comes to one prompt after another; each comes once `next` has been called. */
  const prompting = (prompts: readonly Prompted[], end = async () => ended) => {
    const told: Notification[] = [];
    const known: (string | undefined)[] = [];
    const turns = new Map<string, number>();
    const gates = [...prompts, undefined].map(() => gate());
    const { activities } = fakeActivities({
      admitPlan: async (plan) => ({
        problems: validatePlan(plan).problems ?? [],
        searchAttributes: [],
        notify: { events: ['waiting'], channels: ['url'] },
      }),
      waitStep: async ({ prompt }) => {
        // A busy machine may repeat a wait.
        const { activityId } = Context.current().info;
        const turn = turns.get(activityId) ?? known.push(prompt) - 1;
        turns.set(activityId, turn);
        await beating(gates[turn]!.passed);
        return prompts[turn] ?? end();
      },
      sendNotification: async ({ notification }) => void told.push(notification),
    });
    return { activities, told, known, next: (turn: number) => gates[turn]!.open() };
  };

  it('is shown and notified at each prompt, until the prompt was answered', async () => {
    const { activities, told, known, next } = prompting([at('7-1', 'A?'), at(''), at('7-2', 'B?'), at('8')]);
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      const shown = () => client.status(id).then(({ steps: [a], attention }) => ({ ...a?.input, attention }));
      next(0);
      await expect.poll(shown).toMatchObject({ lastLine: 'A?', attach, attention: true });
      expect(await currentDetails(client, id)).toContain('a has been waiting for input since');
      next(1);
      await expect.poll(shown).toEqual({ attention: false });
      expect(await currentDetails(client, id)).not.toContain('waiting for input');
      next(2);
      await expect.poll(shown).toMatchObject({ lastLine: 'B?', attention: true });
      // Another prompt at once.
      next(3);
      await expect.poll(shown).toMatchObject({ lastLine: '', attention: true });
      next(4);
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).steps[0]).not.toHaveProperty('input');
      await expect.poll(() => told.length).toBe(3);
      expect(told).toMatchObject([
        {
          event: 'waiting',
          step: 'a',
          input: { lastLine: 'A?', attach },
          text: `root@h:22 needs attention: a is waiting for input: A?\nAnswer it: chandler attach ${id} a`,
        },
        { event: 'waiting', input: { lastLine: 'B?' } },
        { event: 'waiting', input: { lastLine: '' } },
      ]);
      expect(new Set(told.map(({ id: key }) => key)).size).toBe(3);
    });
    // The host is asked for another prompt than the one that is shown.
    expect(known).toEqual([undefined, '7-1', undefined, '7-2', '8']);
  });

  it.each([
    ['fails', async () => Promise.reject(failed(3)), 'parked'],
    ['ends well', async () => ended, 'succeeded'],
  ])('no longer waits when it %s', async (_, end, state) => {
    const { activities, next } = prompting([at('7-1', 'A?')], end);
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      next(0);
      next(1);
      await expect.poll(async () => (await client.status(id)).steps[0]?.state).toBe(state);
      expect((await client.status(id)).steps[0]).not.toHaveProperty('input');
    });
  });

  it('has its whole timeout and no more, however many prompts it shows', async () => {
    let turn = 0;
    const { activities, asked } = fakeActivities({
      waitStep: async () => {
        await beating(new Promise((resolve) => setTimeout(resolve, 300)));
        return at(String((turn += 1)));
      },
    });
    const steps = [step('a', { timeout: '6s' })];
    await harness.run(activities, steps, { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ failure: { code: 'step-timeout' } });
      expect((await client.status(id)).steps[0]).not.toHaveProperty('input');
    });
    expect(asked.filter((each) => each === 'waitStep a 1').length).toBeGreaterThan(2);
  });

  it('stays shown, and is not notified again, when its run continues as new', async () => {
    const held = gate();
    const told: Notification[] = [];
    const { activities } = prompting([]);
    const waits = { a: 0, b: 0 };
    Object.assign(activities, {
      waitStep: async ({ launch, prompt }: { launch: { step: 'a' | 'b' }; prompt?: string }) => {
        waits[launch.step] += 1;
        if (launch.step === 'b') return at(waits.b % 2 === 0 ? '' : 'b');
        if (prompt === undefined) return at('7', 'A?');
        await beating(held.passed);
        return ended;
      },
      sendNotification: async ({ notification }: { notification: Notification }) =>
        void told.push(notification),
    });
    await harness.run(activities, [step('a'), step('b')], {}, async (client, id) => {
      const handle = client.temporal.workflow.getHandle(id);
      const first = (await handle.describe()).runId;
      await expect.poll(async () => (await handle.describe()).runId).not.toBe(first);
      expect((await client.status(id)).steps[0]?.input).toMatchObject({ lastLine: 'A?' });
      expect(told.filter((each) => each.step === 'a')).toHaveLength(1);
      await client.abort(id);
      held.open();
      await client.result(id);
      expect((await client.status(id)).steps[0]).not.toHaveProperty('input');
    });
  });
});
