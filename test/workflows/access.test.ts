import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/client';
import type { Duration } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import type { Notification } from '../../src/domain/run/notification.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { findStatus } from '../support/find-status.ts';
import { gate } from '../support/gate.ts';
import {
  beating,
  currentDetails,
  ended,
  facts,
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
  harness = await startHarness({ skipsTime: true });
});
afterAll(() => harness?.stop());

/** Time passes between two attempts. */
const lost = (message = 'reset by peer') =>
  ApplicationFailure.create({
    type: 'connection-lost',
    message,
    details: [{ message }],
    nextRetryDelay: '2s',
  });
const refused = (type = 'auth-failed') =>
  ApplicationFailure.create({ type, nonRetryable: true, message: type, details: [{ message: type }] });
const noSlot = () => {
  const message = 'all 4 slots for waits are in use on this worker';
  return ApplicationFailure.create({
    type: 'no-worker',
    message,
    details: [{ message }],
    nextRetryDelay: '2s',
  });
};
const count = (asked: readonly string[], what: string) => asked.filter((each) => each === what).length;

/** A host to which access can be lost. Time stands still while it is asked and does not answer. */
function hostWith(lose: () => Error, changes: Partial<Activities> = {}) {
  let isLost = true;
  const way = async <T>(answer: T): Promise<T> => {
    if (isLost) throw lose();
    return Promise.resolve(answer);
  };
  const host = fakeActivities({
    waitStep: () => way(ended),
    inspectLaunch: () => way({ kind: 'running' as const, logBytes: 0 }),
    killStep: () => way({ found: 1, left: 0 }),
    ...changes,
  });
  return {
    ...host,
    restore: () => {
      isLost = false;
    },
  };
}

const notifying: Activities['admitPlan'] = async () => ({
  problems: [],
  searchAttributes: [],
  notify: { events: ['parked'], channels: ['url'] },
});

/** Waits for a status, while the clock of the server stands still or not. */
const reach = (client: Parameters<typeof findStatus>[0], id: string, wanted: object) =>
  expect.poll(() => findStatus(client, id), { interval: 30 }).toMatchObject(wanted);

describe('a wait that loses access to its host', () => {
  it.each(['auth-failed', 'host-key-mismatch', 'identity-unavailable', 'secret-unavailable'])(
    'access-lost-midstep: %s keeps the launch, needs attention, and ends with the actual end',
    async (code) => {
      const told: Notification[] = [];
      const seen: RunStatus[] = [];
      const { asked, activities, restore } = hostWith(() => refused(code), {
        admitPlan: notifying,
        sendNotification: async ({ notification }) => void told.push(notification),
      });
      let asks = 0;
      const inspectLaunch: Activities['inspectLaunch'] = async (input) => {
        asks += 1;
        // The first questions fail; time passes between them by itself.
        if (asks > 4) restore();
        return activities.inspectLaunch(input);
      };
      await harness.run({ ...activities, inspectLaunch }, [step('a')], {}, async (client, id) => {
        const result = client.result(id);
        await reach(client, id, {}).catch(() => undefined);
        seen.push(await client.status(id));
        expect(await result).toMatchObject({ outcome: 'provisioned' });
        const { steps } = await client.status(id);
        expect(steps[0]).toMatchObject({ state: 'succeeded', attempt: 1 });
        expect(steps[0]).not.toHaveProperty('trouble');
        await replay(client, id);
      });
      expect(count(asked, 'runStep a 1')).toBe(1);
      expect(asked).not.toContain('killStep a 1');
      expect(told).toMatchObject([{ event: 'parked', step: 'a', failure: { code } }]);
    },
  );

  it('shows the error of the network and its start, and keeps asking; a short loss needs no attention', async () => {
    const asking = gate();
    const { activities, restore } = hostWith(() => lost('no route'));
    const held: Activities['inspectLaunch'] = async (input) => {
      await beating(asking.passed);
      return activities.inspectLaunch(input);
    };
    await harness.run({ ...activities, inspectLaunch: held }, [step('a')], {}, async (client, id) => {
      await reach(client, id, {
        attention: false,
        steps: [
          {
            state: 'running',
            trouble: { code: 'connection-lost', message: 'no route', sinceMs: expect.any(Number) as number },
          },
        ],
      });
      expect(await currentDetails(client, id)).toContain('no route');
      restore();
      asking.open();
      expect((await client.result(id)).outcome).toBe('provisioned');
      await replay(client, id);
    });
  });

  it('needs attention after a minute without network, and notifies once', async () => {
    const told: Notification[] = [];
    const { activities, restore } = hostWith(lost, {
      admitPlan: notifying,
      sendNotification: async ({ notification }) => void told.push(notification),
    });
    let asks = 0;
    const slow: Activities['inspectLaunch'] = async (input) => {
      asks += 1;
      if (asks > 60) restore();
      return activities.inspectLaunch(input);
    };
    await harness.run({ ...activities, inspectLaunch: slow }, [step('a')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      await expect.poll(() => told).toHaveLength(1);
      expect(told).toMatchObject([{ failure: { code: 'connection-lost' } }]);
      const { events } = await client.temporal.workflow.getHandle(id).fetchHistory();
      expect(events?.length).toBeLessThan(120);
    });
  });

  it('E1: shows that it has no slot until it has one, also while it asks again', async () => {
    const asking = gate();
    const running = gate();
    let waits = 0;
    const { asked, activities } = fakeActivities({
      async waitStep() {
        waits += 1;
        if (waits < 3) throw noSlot();
        asking.open();
        await beating(running.passed);
        return ended;
      },
    });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      // Time passes only while a result is waited for.
      const result = client.result(id);
      await asking.passed;
      expect(await client.status(id)).toMatchObject({ steps: [{ trouble: { code: 'no-worker' } }] });
      await expect.poll(async () => (await client.status(id)).steps[0]).not.toHaveProperty('trouble');
      running.open();
      expect((await result).outcome).toBe('provisioned');
      await replay(client, id);
    });
    expect(count(asked, 'runStep a 1')).toBe(1);
    expect(count(asked, 'waitStep a 1')).toBe(3);
  });

  it('is asked with fewer heartbeats as the step gets older, and again when the time of a wait is up', async () => {
    const waits: unknown[] = [];
    const outcomes = [lost(), lost(), 'running', ended] as const;
    const pauses: (Duration | undefined)[] = ['2m', undefined, '15m', undefined];
    const { asked, activities } = fakeActivities({
      async waitStep({ pace: { heartbeatEveryMs, lastsMs } }) {
        waits.push([Context.current().info.heartbeatTimeoutMs, heartbeatEveryMs, lastsMs !== undefined]);
        const outcome = outcomes[waits.length - 1]!;
        if (outcome instanceof Error) throw outcome;
        return outcome;
      },
      async inspectLaunch() {
        const nextRetryDelay = pauses.shift();
        if (nextRetryDelay !== undefined)
          throw ApplicationFailure.create({ type: 'connection-lost', nextRetryDelay });
        return { kind: 'running', logBytes: 0 };
      },
    });
    const steps = [step('a', { timeout: '1h' })];
    await harness.run(activities, steps, {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      await replay(client, id);
    });
    expect(waits).toEqual([
      [10_000, 2_000, true],
      [20_000, 6_000, true],
      [40_000, 30_000, false],
      [40_000, 30_000, false],
    ]);
    expect(count(asked, 'runStep a 1')).toBe(1);
  });

  it('does not repeat a launch that fails by itself meanwhile: its own policy decides', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: (() => {
        let waits = 0;
        return () => ((waits += 1), Promise.reject(waits === 1 ? refused() : failed(3)));
      })(),
    });
    await harness.run(activities, [step('a')], { onStepFailure: 'fail' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ failure: { code: 'step-failed', exitCode: 3 } });
    });
    expect(count(asked, 'inspectLaunch a 1')).toBe(1);
    expect(count(asked, 'runStep a 1')).toBe(1);
  });

  it('asks at once when an operator retries the step', async () => {
    let isFixed = false;
    const held = gate();
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => {
        if (launch.step === 'still') return beating(held.passed).then(() => ended);
        return isFixed ? Promise.resolve(ended) : Promise.reject(refused());
      },
      inspectLaunch: () =>
        isFixed ? Promise.resolve({ kind: 'running', logBytes: 0 }) : Promise.reject(refused()),
    });
    // The other step keeps the clock of the server from being moved on.
    await harness.run(activities, [step('a'), step('still')], {}, async (client, id) => {
      await reach(client, id, {
        attention: true,
        steps: [{ state: 'running', trouble: { retryAtMs: expect.any(Number) as number } }, {}],
      });
      await expect(client.retry(id, { step: 'a', script: 'true' })).rejects.toThrow('send force as well');
      isFixed = true;
      await client.retry(id, { step: 'a' });
      await reach(client, id, { steps: [{ state: 'succeeded', attempt: 1 }, {}], attention: false });
      held.open();
      expect((await client.result(id)).outcome).toBe('provisioned');
      await replay(client, id);
    });
    expect(count(asked, 'runStep a 1')).toBe(1);
  });
});

describe('the time of a step whose host cannot be reached', () => {
  it.each([
    ['a reset connection', lost],
    ['a lost key', refused],
  ])('step-edits-bashrc: holds with %s', async (_, lose) => {
    const seen: (string | undefined)[] = [];
    const { asked, activities, restore } = hostWith(lose);
    let kills = 0;
    const killStep: Activities['killStep'] = async (input) => {
      kills += 1;
      if (kills > 6) restore();
      return activities.killStep(input);
    };
    const told: Notification[] = [];
    const more = {
      admitPlan: notifying,
      killStep,
      sendNotification: async ({ notification }: { notification: Notification }) =>
        void told.push(notification),
    };
    const steps = [step('a', { timeout: '8s' })];
    await harness.run({ ...activities, ...more }, steps, { onStepFailure: 'fail' }, async (client, id) => {
      const result = await client.result(id);
      seen.push((result as { failure?: { code: string } }).failure?.code);
      expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'step-timeout' } });
      await expect.poll(() => told.map(({ failure }) => failure?.code)).toContain('step-unverifiable');
      await replay(client, id);
    });
    expect(told.at(-1)?.failure?.message).toMatch(/^its time \(8 s\) is up and the host cannot be reached: /);
    expect(count(asked, 'runStep a 1')).toBe(1);
  });

  it('does not fail a step that had ended well by itself', async () => {
    const { activities, restore } = hostWith(lost);
    let kills = 0;
    const killStep: Activities['killStep'] = async (input) => {
      kills += 1;
      if (kills > 6) restore();
      await activities.killStep(input);
      return { found: 0, left: 0, exitCode: 0 };
    };
    const steps = [step('a', { timeout: '8s' })];
    await harness.run({ ...activities, killStep }, steps, {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
  });

  it('limits the start, and parkTimeout limits how long the run asks', async () => {
    const down = () => Promise.reject(refused());
    const { asked, activities } = fakeActivities({ runStep: down, killStep: down, inspectLaunch: down });
    const steps = [step('a', { timeout: '8s' })];
    await harness.run(activities, steps, { parkTimeout: '1h' }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'parked-too-long' },
      });
      const { startedAtMs, endedAtMs = Infinity } = await client.status(id);
      expect(endedAtMs - startedAtMs).toBeLessThan(2 * 3_600_000);
    });
    expect(asked).not.toContain('waitStep a 1');
    expect(asked).not.toContain('runStep a 2');
  });
});

describe('a start that waits for the login shell', () => {
  it('is repeated and shown, and ends with what was printed when the time is up', async () => {
    const held = gate();
    const { asked, activities } = fakeActivities({
      runStep: async () => ({ waiting: { for: 'login-shell', output: 'pyenv: cannot rehash' } }),
      killStep: async () => {
        await beating(held.passed);
        return { found: 0, left: 0 };
      },
    });
    const steps = [step('a', { timeout: '20s' })];
    await harness.run(activities, steps, { onStepFailure: 'fail' }, async (client, id) => {
      const result = client.result(id);
      await expect.poll(() => asked).toContain('killStep a 1');
      const [a] = (await client.status(id)).steps;
      held.open();
      expect(await result).toMatchObject({
        failure: {
          code: 'launch-not-started',
          message: 'the login shell did not begin a within 20 s; it printed: pyenv: cannot rehash',
        },
      });
      expect(a?.waitingFor).toMatch(/^the login shell \(\d+\.?\d* s\)$/);
      expect((await client.status(id)).steps[0]).not.toHaveProperty('waitingFor');
    });
    expect(count(asked, 'runStep a 1')).toBeGreaterThan(3);
    expect(asked).not.toContain('runStep a 2');
  });
});

describe('a retry of a part whose launch may be alive', () => {
  /** The first order to start fails, though the launch has begun. */
  const startsBadly = (state: Awaited<ReturnType<Activities['inspectLaunch']>>) => {
    let starts = 0;
    return fakeActivities({
      runStep: async () => {
        starts += 1;
        if (starts === 1) throw refused('disk-full');
        return started;
      },
      inspectLaunch: async () => state,
    });
  };

  it.each([
    ['is running', { kind: 'running', logBytes: 0 }],
    ['has ended well', { kind: 'exited', code: 0, endedAtMs: 1, elapsedMs: 1, logBytes: 0 }],
  ] as const)('waits for the launch if the launch %s', async (_, state) => {
    const { asked, activities } = startsBadly(state);
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { steps: [{ state: 'parked' }] });
      await client.retry(id, { step: 'a' });
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).steps[0]).toMatchObject({ state: 'succeeded', attempt: 1 });
      await replay(client, id);
    });
    expect(asked).not.toContain('runStep a 2');
  });

  it.each([
    ['has not begun', { step: 'a' }, { kind: 'absent' }],
    ['is ended by force', { step: 'a', force: true }, { kind: 'running', logBytes: 0 }],
    ['is to have another script', { step: 'a', script: 'x' }, { kind: 'running', logBytes: 0 }],
  ] as const)('starts another if it %s', async (_, order, state) => {
    const { asked, activities } = startsBadly(state);
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { steps: [{ state: 'parked' }] });
      await client.retry(id, order);
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect((await client.status(id)).steps[0]).toMatchObject({ state: 'succeeded', attempt: 2 });
    });
    expect(asked.filter((what) => /(runStep|killStep)/.test(what))).toEqual([
      'runStep a 1',
      'killStep a 1',
      'runStep a 2',
    ]);
  });

  it('with force ends a running step or finalizer and starts another launch', async () => {
    const { asked, activities } = fakeActivities({
      waitStep: ({ launch }) => (launch.attempt === 1 ? untilCancelled() : Promise.resolve(ended)),
      finalizeStep: ({ launch }) => (launch.attempt === 1 ? untilCancelled() : Promise.resolve(ended)),
    });
    await harness.run(activities, [step('a', { finalize: 'x' })], {}, async (client, id) => {
      await expect.poll(() => asked).toContain('waitStep a 1');
      await expect(client.retry(id, { step: 'a' })).rejects.toThrow('a is not parked: it is still running');
      await expect(client.retry(id, { step: 'a', force: 1 } as never)).rejects.toThrow(
        'force must be true or false',
      );
      await client.retry(id, { step: 'a', force: true });
      await expect.poll(() => asked).toContain('finalizeStep a 1');
      await client.retry(id, { step: 'a', force: true });
      expect((await client.result(id)).outcome).toBe('provisioned');
      const { steps, auditTrail } = await client.status(id);
      expect(steps[0]).toMatchObject({ attempt: 2, finalizer: { attempt: 2 } });
      expect(auditTrail).toMatchObject([{ action: 'retryStep', force: true }, { force: true }]);
      await replay(client, id);
    });
    expect(count(asked, 'killStep a 1')).toBe(2);
  });
});

describe('a run that cannot ask its host as a whole', () => {
  it('shows that while it connects, installs and verifies', async () => {
    const tries = new Map<string, number>();
    const gates = { prepareHost: gate(), installZmx: gate(), verifySentinel: gate() };
    const flaky =
      <T>(name: keyof typeof gates, answer: T) =>
      async () => {
        const n = (tries.get(name) ?? 0) + 1;
        tries.set(name, n);
        if (n <= 3) throw lost(`${name} lost`);
        await beating(gates[name].passed);
        return answer;
      };
    const { activities } = fakeActivities({
      prepareHost: flaky('prepareHost', {
        facts,
        lease: 'l',
        ended: [],
        pruned: 0,
        sentinelPath: '/s/provisioned',
      }),
      installZmx: flaky('installZmx', { path: '/zmx', version: '0.7.0', source: 'tmux' as const }),
      verifySentinel: flaky('verifySentinel', { released: false }),
    });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      for (const name of ['prepareHost', 'installZmx', 'verifySentinel'] as const) {
        await reach(client, id, { trouble: { code: 'connection-lost', message: `${name} lost` } });
        gates[name].open();
      }
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect(await client.status(id)).not.toHaveProperty('trouble');
      await replay(client, id);
    });
  });

  it('fails at once if the first contact is refused for good', async () => {
    const { asked, activities } = fakeActivities({ prepareHost: () => Promise.reject(refused()) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({ outcome: 'failed', failure: { code: 'auth-failed' } });
    });
    expect(count(asked, 'prepareHost')).toBe(1);
  });

  it.each([
    ['a lost key', refused],
    ['a network that is away', lost],
  ])('is aborted in time with %s, and reports what may still run', async (_, lose) => {
    const { activities } = hostWith(lose, { releaseHost: () => Promise.reject(lose()) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { steps: [{ trouble: {} }] });
      await client.abort(id, { reason: 'enough' });
      expect(await client.result(id)).toMatchObject({
        outcome: 'aborted',
        failure: { message: expect.stringMatching(/could not be killed and may still run: /) as string },
      });
      const status = await client.status(id);
      expect(status).toMatchObject({ phase: 'aborted', attention: false, steps: [{ state: 'killed' }] });
      expect(status.steps[0]).not.toHaveProperty('trouble');
      expect(status).not.toHaveProperty('trouble');
      expect(Number(status.endedAtMs) - status.startedAtMs).toBeLessThan(240_000);
    });
  });

  it('shows what holds up an abort before the host has been asked again', async () => {
    const held = gate();
    const killStep = async () => {
      await beating(held.passed);
      throw refused();
    };
    const { activities } = hostWith(lost, { killStep });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await reach(client, id, { steps: [{ trouble: { message: 'reset by peer' } }] });
      await client.abort(id);
      const message = 'ending; the host cannot be reached: reset by peer';
      await reach(client, id, { steps: [{ trouble: { code: 'connection-lost', message } }] });
      held.open();
      expect(await client.result(id)).toMatchObject({ outcome: 'aborted' });
    });
  });
});

describe('advice-after-end', () => {
  it.each([
    ['park', 'Then retry or skip the step.'],
    ['fail', 'Then start the run again.'],
    ['continue', 'Then start the run again.'],
  ] as const)('with onStepFailure %s the advice is to %s', async (onStepFailure, words) => {
    const { activities } = fakeActivities({ waitStep: () => Promise.reject(failed(3)) });
    await harness.run(activities, [step('a')], { onStepFailure }, async (client, id) => {
      await reach(client, id, {
        steps: [{ failure: { advice: expect.stringContaining(words) as string } }],
      });
      if (onStepFailure === 'park') await client.abort(id);
      const { failure } = (await client.result(id)) as { failure: { advice: string } };
      expect(failure.advice).not.toContain('retry or skip');
      const [a] = (await client.status(id)).steps;
      expect(a?.failure?.advice).toMatch(/ Then start the run again\.$/);
      expect(a?.failure?.advice).not.toContain('retry or skip');
    });
  });
});

describe('C14: a run that waits for the bootstrap marker', () => {
  const bootstrap = { marker: '/root/.ssh-provisioned', timeout: '15m' };

  it('shows what it waits for, and until when, for as long as it waits', async () => {
    const begun = gate();
    const appeared = gate();
    const { activities } = fakeActivities({
      async awaitBootstrap() {
        begun.open();
        await beating(appeared.passed);
        return {};
      },
    });
    await harness.run(activities, [step('a')], { bootstrap }, async (client, id) => {
      const result = client.result(id);
      await begun.passed;
      const status = await client.status(id);
      expect(status).toMatchObject({ phase: 'waiting-for-bootstrap', waitingFor: bootstrap.marker });
      const leftMs = (status.waitingUntilMs ?? 0) - (await harness.env.currentTimeMs());
      expect(leftMs).toBeGreaterThan(890_000);
      expect(leftMs).toBeLessThanOrEqual(900_000);
      expect(await currentDetails(client, id)).toMatch(
        /Waiting for \/root\/\.ssh-provisioned, until (\S+ )?\d\d:\d\d:\d\d UTC/,
      );
      appeared.open();
      expect((await result).outcome).toBe('provisioned');
      expect(await client.status(id)).not.toHaveProperty('waitingFor');
      expect(await client.status(id)).not.toHaveProperty('waitingUntilMs');
      expect(await currentDetails(client, id)).not.toContain('Waiting for');
      await replay(client, id);
    });
  });

  it('fails after the whole time of the plan when the marker does not appear, even if the host was unreachable at first', async () => {
    let asked = 0;
    const { activities } = fakeActivities({
      async awaitBootstrap() {
        asked += 1;
        if (asked === 1) throw lost();
        throw ApplicationFailure.create({
          type: 'bootstrap-timeout',
          nonRetryable: true,
          message: `${bootstrap.marker} did not appear`,
        });
      },
    });
    await harness.run(activities, [step('a')], { bootstrap }, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: {
          code: 'bootstrap-timeout',
          message: expect.stringContaining('/root/.ssh-provisioned did not appear within 15 min') as string,
        },
      });
      expect(await client.status(id)).not.toHaveProperty('waitingFor');
    });
    expect(asked).toBe(2);
  });

  it('no longer shows the wait once it is aborted', async () => {
    const begun = gate();
    const { activities } = fakeActivities({
      async awaitBootstrap() {
        begun.open();
        await untilCancelled();
        return {};
      },
    });
    await harness.run(activities, [step('a')], { bootstrap }, async (client, id) => {
      await begun.passed;
      await client.abort(id, {});
      expect(await client.result(id)).toMatchObject({ outcome: 'aborted' });
      expect(await client.status(id)).not.toHaveProperty('waitingFor');
    });
  });
});
