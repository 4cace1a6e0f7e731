import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planDigest } from '../../src/domain/plan/resolve-plan.ts';
import { failed, fakeActivities, sight, startHarness, step, type Harness } from './harness.ts';

describe('a check for drift', () => {
  let harness: Harness;
  beforeAll(async () => (harness = await startHarness()));
  afterAll(() => harness?.stop());

  it('asks many steps at once, but not all, and no answer hides that of another step', async () => {
    const names = Array.from({ length: 64 }, (_, i) => `s${i}`);
    let [running, most] = [0, 0];
    const steps = names.map((name) => step(name, { check: 'true' }));
    const content = JSON.stringify({ digest: planDigest({ steps }) });
    const { activities } = fakeActivities({
      inspectHost: async () => ({ ...sight, sentinel: { path: '/s', found: 'present', content } }),
      async checkStep({ step: { name } }) {
        most = Math.max(most, (running += 1));
        await delay(20);
        running -= 1;
        const i = names.indexOf(name);
        if (i % 4 === 1) throw failed(1);
        if (i % 4 === 2) return { failure: { code: 'step-timeout', message: 'late', advice: 'x' } };
        return { code: i % 4 };
      },
    });
    await harness.run(activities, [step('a')], {}, async (client) => {
      const report = await client.checkDrift({ target: { host: 'h' }, steps });
      expect(report.steps.map(({ name }) => name)).toEqual(names);
      const states = (rest: number) =>
        new Set(
          report.steps
            .filter((_, i) => i % 4 === rest)
            .map(({ state, failure }) => `${state} ${failure?.code}`),
        );
      expect(states(0)).toEqual(new Set(['in-order undefined']));
      expect(states(1)).toEqual(new Set(['unknown step-failed']));
      expect(states(2)).toEqual(new Set(['unknown step-timeout']));
      expect(states(3)).toEqual(new Set(['drifted undefined']));
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(32);
  });
});
