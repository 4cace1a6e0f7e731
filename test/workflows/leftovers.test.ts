import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities, PreparedHost } from '../../src/activities/activity-types.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { planDigest } from '../../src/domain/plan/resolve-plan.ts';
import { readSentinel } from '../../src/domain/run/sentinel.ts';
import type { LaunchState } from '../../src/domain/run/launch-state.ts';
import type { OwnedLeftover } from '../../src/domain/run/leftovers.ts';
import { facts, fakeActivities, startHarness, step, untilCancelled, type Harness } from './harness.ts';

let harness: Harness;
beforeAll(async () => (harness = await startHarness()));
afterAll(() => harness?.stop());

const launchOf = (name: string, attempt = 1) => makeLaunch('former', name, 'step', attempt);
const alive = (name: string): OwnedLeftover => ({
  launch: launchOf(name),
  state: 'running',
  processes: 2,
  workflowId: 'w',
  atWork: false,
});
const prepared = (more: Partial<PreparedHost>): Pick<Activities, 'prepareHost'> => ({
  prepareHost: async () => ({ facts, pruned: 0, sentinelPath: '/p', lease: 'word', ended: [], ...more }),
});
const survey = (states: Record<string, LaunchState>): Pick<Activities, 'surveyLaunches'> => ({
  surveyLaunches: async () =>
    Object.entries(states).map(([name, state]) => ({ launch: launchOf(name), state })),
});
const exited = (code: number): LaunchState => ({
  kind: 'exited',
  code,
  endedAtMs: 2000,
  elapsedMs: 1000,
  logBytes: 0,
});

describe('a run that takes the host from one that is over', () => {
  it('continues the same work: waits for what runs, keeps what is done, repeats what failed', async () => {
    const waited: string[] = [];
    const { asked, activities } = fakeActivities({
      ...prepared({ adopted: { owner: 'former', alive: [alive('a')] } }),
      ...survey({ a: { kind: 'running', logBytes: 1 }, b: exited(0), c: exited(3) }),
      async waitStep({ launch }) {
        waited.push(launch.id);
        return { exitCode: 0, elapsedMs: 1, logBytes: 0 };
      },
    });
    await harness.run(activities, [step('a'), step('b'), step('c')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
      expect(await client.status(id)).toMatchObject({
        notes: ['continues what was left running: a of w (running, 2 processes)'],
        steps: [
          { state: 'succeeded', attempt: 1 },
          { state: 'succeeded', attempt: 1 },
          { state: 'succeeded', attempt: 2 },
        ],
      });
    });
    expect(waited.sort()).toEqual([launchOf('a').id, launchOf('c', 2).id].sort());
    expect(asked).not.toContain('runStep b 1');
  });

  it('continues it even if a sentinel marks the host as provisioned', async () => {
    const { asked, activities } = fakeActivities({
      ...prepared({ sentinel: '', adopted: { owner: 'former', alive: [alive('a')] } }),
      ...survey({ a: { kind: 'running', logBytes: 1 } }),
    });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    expect(asked).toContain('waitStep a 1');
  });

  it('ends what it has adopted if it ends before its steps begin', async () => {
    const { asked, activities } = fakeActivities({
      ...prepared({ adopted: { owner: 'former', alive: [alive('a')] } }),
      installZmx: untilCancelled,
    });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(async () => (await client.status(id)).phase).toBe('installing-zmx');
      await client.abort(id);
      expect((await client.result(id)).outcome).toBe('aborted');
    });
    expect(asked).toContain('killStep a 1');
  });

  it('names the launches that it ended', async () => {
    const { activities } = fakeActivities(prepared({ ended: [{ ...alive('z'), left: 0 }] }));
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await client.result(id);
      expect((await client.status(id)).notes).toEqual([
        'ended what was left running: z of w (running, 2 processes)',
      ]);
    });
  });

  it('fails at once if it must not end them', async () => {
    const refused = ApplicationFailure.create({
      type: 'leftovers-found',
      nonRetryable: true,
      message: 'left',
      details: [{ message: 'left: a', advice: 'End it.' }],
    });
    const { asked, activities } = fakeActivities({ prepareHost: () => Promise.reject(refused) });
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      expect(await client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'leftovers-found', message: 'left: a', advice: 'End it. Then start the run again.' },
      });
    });
    expect(asked).not.toContain('releaseHost');
  });
});

describe('a run after one in which something was skipped', () => {
  const partOf = (part: string) => {
    const [name = '', kind] = part.split(' ');
    return { step: name, kind: kind === 'finalizer' ? ('finalizer' as const) : ('step' as const) };
  };
  const launched = (states: Record<string, LaunchState>): Pick<Activities, 'surveyLaunches'> => ({
    surveyLaunches: async () =>
      Object.entries(states).map(([part, state]) => {
        const { step: name, kind } = partOf(part);
        return { launch: makeLaunch('former', name, kind, 1), state };
      }),
  });
  const steps = [
    step('firewall', { finalize: 'f' }),
    step('app', { needs: ['firewall'] }),
    step('other', { finalize: 'f' }),
  ];
  const digest = planDigest({ steps });
  const sentinelOf = (states: readonly object[]) =>
    JSON.stringify({ digest: `${digest}+skipped`, owner: 'former', steps: states });
  /** What runs in the second run, and the sentinel that it writes. */
  const runAfter = async (
    sentinel: string,
    states: Record<string, LaunchState>,
    changes: Partial<Activities> = {},
  ) => {
    let content = '';
    const { asked, activities } = fakeActivities({
      ...prepared({ sentinel, adopted: { owner: 'former', alive: [] } }),
      ...launched(states),
      async verifySentinel(input) {
        content = input.content;
        return { released: false };
      },
      ...changes,
    });
    await harness.run(activities, steps, {}, async (client, id) => {
      expect((await client.result(id)).outcome).toBe('provisioned');
    });
    return {
      ran: asked.filter((each) => /^(runStep|finalizeStep) /.test(each)),
      isWhole: readSentinel(content).isWhole,
    };
  };
  const done = {
    'firewall finalizer': exited(0),
    app: exited(0),
    other: exited(0),
    'other finalizer': exited(0),
  };
  const skippedStep = sentinelOf([{ name: 'firewall', state: 'skipped' }]);

  it('does the skipped step, repeats its dependents and the finalizers, and nothing else', async () => {
    expect(await runAfter(skippedStep, { ...done, firewall: exited(1) })).toEqual({
      ran: ['runStep firewall 2', 'runStep app 2', 'finalizeStep firewall 2', 'finalizeStep other 2'],
      isWhole: true,
    });
  });

  it('does it also if its launch ended well after all, or never began', async () => {
    expect((await runAfter(skippedStep, { ...done, firewall: exited(0) })).ran).toContain(
      'runStep firewall 2',
    );
    expect((await runAfter(skippedStep, done)).ran).toContain('runStep firewall 1');
  });

  it('repeats nothing if the check of the skipped step is satisfied now', async () => {
    const { ran } = await runAfter(
      skippedStep,
      { ...done, firewall: exited(1) },
      { runStep: async () => 'satisfied' },
    );
    expect(ran).toEqual(['runStep firewall 2']);
  });

  it('does the skipped finalizer alone', async () => {
    const sentinel = sentinelOf([{ name: 'other', state: 'succeeded', finalizer: 'skipped' }]);
    const { ran } = await runAfter(sentinel, { ...done, firewall: exited(0), 'other finalizer': exited(1) });
    expect(ran).toEqual(['finalizeStep other 2']);
  });
});

describe('an abort', () => {
  const released: unknown[] = [];
  const abort = async (kill: Activities['killStep']) => {
    const { activities } = fakeActivities({
      ...prepared({}),
      waitStep: untilCancelled,
      killStep: kill,
      releaseHost: async ({ lease }) => void released.push(lease),
    });
    let failure: { message: string; advice: string } | undefined;
    await harness.run(activities, [step('a')], {}, async (client, id) => {
      await expect.poll(async () => (await client.status(id)).steps[0]?.state).toBe('running');
      await client.abort(id);
      const result = await client.result(id);
      failure = 'failure' in result ? result.failure : undefined;
    });
    return failure;
  };

  it('reports that all was ended only if that was verified, and then frees the host', async () => {
    const failure = await abort(async () => ({ found: 2, left: 0 }));
    expect(failure?.advice).toMatch(/^All its steps that still ran were ended/);
    expect(released.at(-1)).toBe('word');
  });

  it.each<[what: string, kill: Activities['killStep'], says: RegExp]>([
    ['would not die', async () => ({ found: 2, left: 2 }), /2 processes of a would not die/],
    [
      'could not be asked',
      () => Promise.reject(ApplicationFailure.nonRetryable('no key', 'auth-failed')),
      /a could not be killed/,
    ],
  ])('of what %s reports what may still run, and the next run must inspect it', async (_, kill, says) => {
    const failure = await abort(kill);
    expect(failure?.message).toMatch(says);
    expect(failure?.advice).toMatch(
      /may still run\. .* chandler clean root@h:22 .* chandler clean root@h:22 --end/,
    );
    expect(released.at(-1)).toBeUndefined();
  });
});
