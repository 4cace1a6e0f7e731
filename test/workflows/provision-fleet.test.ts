import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Activities } from '../../src/activities/activity-types.ts';
import { signalRun, surveyRun } from '../../src/client/run-surveys.ts';
import type { ChandlerClient } from '../../src/client.ts';
import type { FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import type { FleetInput } from '../../src/domain/fleet/schema.ts';
import {
  beating,
  ended,
  failed,
  fakeActivities,
  replay,
  startHarness,
  step,
  type Harness,
  untilCancelled,
} from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ suggestContinueAsNewAt: 70 });
});
afterAll(() => harness?.stop());

/** Hosts on which steps end as `work` says. Counts how often each host was worked on. */
function fleetActivities(
  work: (host: string, attempt: number) => Promise<typeof ended>,
  changes: Partial<Activities> = {},
) {
  const starts = new Map<string, number>();
  const launched = new Set<string>();
  const { activities } = fakeActivities({
    waitStep: ({ host, launch }) => {
      const name = host.target.host;
      // A busy server may have the same launch waited for again.
      if (!launched.has(launch.id)) starts.set(name, (starts.get(name) ?? 0) + 1);
      launched.add(launch.id);
      return work === untilCancelled ? untilCancelled() : beating(work(name, launch.attempt));
    },
    surveyRuns: ({ workflowIds }) => Promise.all(workflowIds.map((id) => surveyRun(harness.env.client, id))),
    signalRuns: async ({ runs, signal, input }) => {
      for (const run of runs) await signalRun(harness.env.client, run, signal, input);
    },
    ...changes,
  });
  return { starts, activities };
}

const good = async () => ended;

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}

function makeFleet(name: string, count: number, more: Partial<FleetInput> = {}): FleetInput {
  return { name, plan: { steps: [step('work')] }, hosts: names(name, count), slowStart: 0, ...more };
}

/** Waits for a status, and checks every one on the way: its sum must always be right. */
async function until(
  client: ChandlerClient,
  name: string,
  condition: (status: FleetStatus) => boolean,
): Promise<FleetStatus> {
  for (let turn = 0; turn < 600; turn += 1) {
    const status = await client.fleets.status(name);
    const { hosts, counts, recounted } = status;
    expect([Object.values(counts).reduce((sum, each) => sum + each, 0), recounted]).toEqual([hosts, hosts]);
    if (condition(status)) return status;
    await delay(50);
  }
  throw new Error(`too late: ${JSON.stringify(await client.fleets.status(name), null, 1)}`);
}

async function countExecutions(client: ChandlerClient, id: string): Promise<number> {
  let count = 0;
  for await (const _ of client.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) count += 1;
  return count;
}

/** So many hosts that even a busy server, which reports several at once, needs more than two histories. */
const LONG = 48;

it('provisions every host once, however often the fleet continues as new', async () => {
  const { starts, activities } = fleetActivities(async () => {
    await delay(20);
    return ended;
  });
  await harness.fleet(activities, makeFleet('long', LONG, { concurrency: 6 }), async (client, name) => {
    await until(client, name, ({ endedAtMs }) => endedAtMs !== undefined);
    expect(await client.fleets.result(name)).toMatchObject({
      outcome: 'provisioned',
      result: { counts: { done: LONG, failed: 0, pending: 0 } },
    });
    expect([...starts.values()]).toEqual(Array.from({ length: LONG }, () => 1));
    await expect.poll(() => countExecutions(client, 'fleet:long')).toBeGreaterThan(2);
    await replay(client, 'fleet:long');
  });
});

it('starts nothing once more hosts have failed than the fleet allows, and continues after a retry', async () => {
  let isRepaired = false;
  const { starts, activities } = fleetActivities(async (host) => {
    if (!isRepaired && host === 'budget3') throw failed(3);
    return ended;
  });
  const input = makeFleet('budget', 6, {
    plan: { steps: [step('work')], onStepFailure: 'fail' },
    concurrency: 1,
  });
  await harness.fleet(activities, input, async (client, name) => {
    const status = await until(client, name, ({ attention }) => attention?.reason === 'exceeded');
    expect(status).toMatchObject({
      counts: { done: 2, failed: 1, pending: 3 },
      worst: [{ name: 'budget3' }],
    });
    await delay(300);
    expect([...starts.keys()]).toEqual(['budget1', 'budget2', 'budget3']);
    isRepaired = true;
    await client.fleets.act(name, 'retry', { which: 'failed', reason: 'repaired' });
    expect((await client.fleets.result(name)).outcome).toBe('provisioned');
    expect(starts.get('budget3')).toBe(2);
    expect(await client.fleets.hosts(name, { states: ['done'], offset: 2, limit: 1 })).toMatchObject({
      total: 6,
      hosts: [{ name: 'budget3', runs: 2 }],
    });
  });
});

it('counts a parked host until its step is retried, on all hosts at once', async () => {
  let isRepaired = false;
  const { activities } = fleetActivities(async () => {
    if (!isRepaired) throw failed(3);
    return ended;
  });
  await harness.fleet(activities, makeFleet('park', 3, { concurrency: 2 }), async (client, name) => {
    const status = await until(client, name, ({ counts }) => counts.parked === 2);
    expect(status).toMatchObject({
      attention: { reason: 'exceeded' },
      counts: { pending: 1 },
      worst: [{ failure: { code: 'step-failed', step: 'work' } }, {}],
    });
    isRepaired = true;
    await client.fleets.act(name, 'retryStep', { step: 'work' });
    expect((await client.fleets.result(name)).outcome).toBe('provisioned');
  });
});

it('C3: refuses invalid inputs and actions with the reason, and records refused signals', async () => {
  const { activities } = fleetActivities(good);
  const input = makeFleet('refuse', 2, { waves: [1], pause: {} });
  await harness.fleet(activities, input, async (client, name) => {
    await until(client, name, ({ attention }) => attention?.reason === 'promote');
    await expect(client.fleets.act(name, 'retry', { hosts: ['refuse9'] })).rejects.toThrow(
      'there is no host "refuse9" in the fleet; did you mean refuse1',
    );
    await expect(client.fleets.act(name, 'retry', { hosts: ['refuse1'] })).rejects.toThrow(
      'refuse1 is done, neither failed nor skipped',
    );
    await expect(client.fleets.act(name, 'setConcurrency', { concurrency: 0 })).rejects.toThrow('from 1 to');
    const fleet = client.temporal.workflow.getHandle(`fleet:${name}`);
    await fleet.signal('resume', {});
    await fleet.signal('promoted', {});
    const { auditTrail } = await until(client, name, ({ refusedActions }) => refusedActions === 2);
    expect(auditTrail.map(({ refused }) => refused)).toEqual([
      'the fleet is not paused',
      expect.stringContaining('did you mean promote?'),
    ]);
    const bad = await client.temporal.workflow.start('provisionFleet', {
      workflowId: 'fleet:bad',
      taskQueue: harness.taskQueue,
      args: [{ name: 'bad', plan: { steps: [] }, hosts: ['x', 'x'], waves: ['0.5'] }],
    });
    await expect(bad.result()).rejects.toMatchObject({
      cause: {
        type: 'invalid-input',
        message: expect.stringContaining('waves[0]: must be a number of hosts') as string,
      },
    });
    expect(await client.fleets.status('bad')).toMatchObject({ phase: 'failed', hosts: 2 });
    await client.fleets.act(name, 'skipHosts', { hosts: ['refuse2'] });
    expect(await client.fleets.result(name)).toMatchObject({ result: { skipped: 1, counts: { done: 2 } } });
  });
});

it('C3: refuses a report that no run of a host sends, and continues', async () => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const { starts, activities } = fleetActivities(() => finished.then(() => ended));
  const input = makeFleet('reports', 2, { concurrency: 2 });
  await harness.fleet(activities, input, async (client, name) => {
    await expect.poll(() => starts.size).toBe(2);
    const workflowId = 'provision:reports1:22';
    const { runId: firstRunId } = await client.temporal.workflow.getHandle(workflowId).describe();
    const report = { workflowId, firstRunId, kind: 'over' };
    const failure = { code: 'step-failed', message: 'm' };
    const invalid: readonly (readonly [unknown, string])[] = [
      [null, 'must be an object'],
      [[], 'must be an object'],
      ['x'.repeat(100_000), 'must be an object'],
      [{ ...report, workflowId: { toString: 1 } }, 'workflowId must be'],
      [{ ...report, firstRunId: 'x'.repeat(100_000) }, 'firstRunId must be'],
      [{ ...report, kind: 'toString' }, 'kind must be one of parked, unparked, once, over'],
      [{ ...report, failure: null }, 'failure must be an object'],
      [{ ...report, failure: {} }, 'failure.code must be'],
      [{ ...report, kind: 'parked', failure: {} }, 'failure.code must be'],
      [{ ...report, failure: { ...failure, code: 'constructor' } }, 'failure.code must be'],
      [{ ...report, failure: { ...failure, message: [] } }, 'failure.message must be'],
      [{ ...report, failure: { ...failure, message: 'x'.repeat(1_000_000) } }, 'failure.message must be'],
      [{ ...report, failure: { ...failure, step: 'x'.repeat(1000) } }, 'failure.step must be'],
    ];
    const fleet = client.temporal.workflow.getHandle(`fleet:${name}`);
    await fleet.signal('hostReport');
    for (const [sent] of invalid) await fleet.signal('hostReport', sent);
    const { auditTrail } = await until(
      client,
      name,
      ({ refusedActions }) => refusedActions === invalid.length + 1,
    );
    expect(auditTrail.map(({ action, refused }) => `${action}: ${refused}`)).toEqual(
      ['must be an object', ...invalid.map(([, reason]) => reason)].map(
        (reason) => expect.stringMatching(`^hostReport: .*${reason}`) as string,
      ),
    );
    // Valid, but about another run of the host, or about no host of the fleet.
    await fleet.signal('hostReport', { ...report, firstRunId: randomUUID() });
    await fleet.signal('hostReport', { ...report, workflowId: 'constructor' });
    expect(await client.fleets.status(name)).toMatchObject({ counts: { running: 2, done: 0 } });
    finish();
    expect((await client.fleets.result(name)).outcome).toBe('provisioned');
  });
});

it('is aborted, and reports no hosts, when it is cancelled before its input is validated', async () => {
  const { activities } = fleetActivities(good, { admitFleet: untilCancelled });
  await harness.fleet(activities, makeFleet('early', 2), async (client, name) => {
    expect(await client.fleets.status(name)).toMatchObject({ phase: 'validating', hosts: 2 });
    expect(await client.fleets.hosts(name)).toEqual({ total: 0, hosts: [] });
    await client.temporal.workflow.getHandle(`fleet:${name}`).cancel();
    expect(await client.fleets.result(name)).toMatchObject({ outcome: 'aborted' });
    const status = await client.fleets.status(name);
    expect(status).toMatchObject({ phase: 'aborted', failure: { code: 'aborted' } });
    expect(status.endedAtMs).toBeDefined();
    expect(await client.fleets.hosts(name)).toEqual({ total: 0, hosts: [] });
  });
});

it('aborts the runs at work when it is aborted with end, and when it is cancelled', async () => {
  for (const how of ['abort', 'cancel'] as const) {
    const { activities } = fleetActivities(untilCancelled);
    await harness.fleet(activities, makeFleet(how, 4, { concurrency: 2 }), async (client, name) => {
      await until(client, name, ({ counts }) => counts.running === 2);
      await expect.poll(() => client.status(`provision:${how}1:22`)).toMatchObject({ phase: 'steps' });
      if (how === 'abort')
        await client.fleets.act(name, 'abort', { running: 'end', reason: 'wrong version' });
      else await client.temporal.workflow.getHandle(`fleet:${name}`).cancel();
      expect(await client.fleets.result(name)).toMatchObject({
        outcome: 'aborted',
        failure: {
          message: expect.stringMatching(how === 'abort' ? /wrong version/ : /cancelled/) as string,
        },
      });
      expect(await client.fleets.status(name)).toMatchObject({
        phase: 'aborted',
        counts: { failed: 2, pending: 2, running: 0 },
      });
      expect((await client.result(`provision:${how}2:22`)).outcome).toBe('aborted');
    });
  }
});

it('counts a host with another run at work, and one whose run is terminated, as failed', async () => {
  const { starts, activities } = fleetActivities(untilCancelled);
  const input = makeFleet('foreign', 3, { concurrency: 3, maxFailures: 3 });
  const { client } = harness.env;
  const plan = { target: { host: 'foreign1' }, steps: [step('work')] };
  await client.workflow.start('provision', {
    workflowId: 'provision:foreign1:22',
    taskQueue: harness.taskQueue,
    args: [plan],
  });
  await harness.fleet(activities, input, async (client, name) => {
    await until(client, name, ({ counts }) => counts.failed === 1 && counts.running === 2);
    await expect.poll(() => starts.has('foreign2')).toBe(true);
    await client.temporal.workflow.getHandle('provision:foreign2:22').terminate();
    const { worst } = await until(client, name, ({ counts }) => counts.failed === 2);
    expect(worst).toMatchObject([
      { name: 'foreign1', failure: { code: 'lease-held' } },
      { name: 'foreign2', failure: { code: 'aborted' } },
      { name: 'foreign3', state: 'running' },
    ]);
  });
});

it('takes over the runs of an earlier fleet of the same name that was terminated, and notices one that is terminated then', async () => {
  const gates: (() => void)[] = [];
  const { starts, activities } = fleetActivities(async () => {
    await new Promise<void>((open) => gates.push(open));
    return ended;
  });
  const input = makeFleet('again', 3, { maxFailures: 1 });
  await harness.fleet(activities, input, async (client, name) => {
    await until(client, name, ({ counts }) => counts.running === 3);
    await expect.poll(() => gates.length).toBe(3);
    await client.temporal.workflow.getHandle(`fleet:${name}`).terminate();
    await client.fleets.start(input);
    // The fleet starts a run anew that has ended before it asked about it.
    const fleet = client.temporal.workflow.getHandle(`fleet:${name}`);
    const answers = async () =>
      (await fleet.fetchHistory()).events?.filter((event) => event.activityTaskCompletedEventAttributes);
    await expect.poll(answers).toHaveLength(3);
    await client.temporal.workflow.getHandle('provision:again3:22').terminate();
    for (const open of gates) open();
    expect(await client.fleets.result(name)).toMatchObject({
      outcome: 'incomplete',
      result: { failures: [{ name: 'again3', failure: { code: 'aborted' } }] },
    });
    expect([...starts.values()]).toEqual([1, 1, 1]);
  });
});

/** Resets a fleet to its first task. */
async function resetFleet({ temporal }: ChandlerClient, name: string): Promise<void> {
  const fleet = temporal.workflow.getHandle(`fleet:${name}`);
  const { runId } = await fleet.describe();
  const { events } = await fleet.fetchHistory();
  const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: `fleet:${name}`, runId },
    workflowTaskFinishEventId: firstTask?.eventId ?? null,
    requestId: `reset-${name}`,
    reason: 'test',
  });
}

it.each([
  ['reports its end', 'provisioned'],
  ['is terminated', 'incomplete'],
] as const)(
  'takes the end of a run that %s while the fleet looks for it after a reset',
  async (how, outcome) => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const run = harness.env.client.workflow.getHandle(`provision:${how.slice(0, 2)}1:22`);
    const { starts, activities } = fleetActivities(() => finished.then(() => ended), {
      surveyRuns: async ({ workflowIds }) => {
        if (how === 'is terminated') await run.terminate();
        finish();
        await run.result().catch(() => undefined);
        return Promise.all(workflowIds.map((id) => surveyRun(harness.env.client, id)));
      },
    });
    await harness.fleet(
      activities,
      makeFleet(how.slice(0, 2), 1, { maxFailures: 1 }),
      async (client, name) => {
        await until(client, name, ({ counts }) => counts.running === 1);
        await expect.poll(() => starts.size).toBe(1);
        const { runId } = await run.describe();
        await resetFleet(client, name);
        expect((await client.fleets.result(name)).outcome).toBe(outcome);
        expect((await run.describe()).runId).toBe(runId);
      },
    );
  },
);

it('works no host twice when an operator resets it', async () => {
  let finishReset = () => {};
  const reset = new Promise<void>((resolve) => (finishReset = resolve));
  let begun = 0;
  // Two hosts are at work during the reset, and report to the execution that follows.
  const { starts, activities } = fleetActivities(async () => {
    begun += 1;
    if (begun > 3) await reset;
    return ended;
  });
  await harness.fleet(activities, makeFleet('reset', 8, { concurrency: 2 }), async (client, name) => {
    await until(client, name, ({ counts }) => counts.done >= 3);
    await resetFleet(client, name);
    finishReset();
    expect((await client.fleets.result(name)).outcome).toBe('provisioned');
    expect(Object.fromEntries(starts)).toEqual(
      Object.fromEntries(names('reset', 8).map((each) => [each, 1])),
    );
  });
});
