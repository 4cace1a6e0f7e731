import { afterEach, expect, it } from 'vitest';
import type { ChandlerClient } from '../../../src/client.ts';
import type { FleetHostStatus, FleetStatus } from '../../../src/domain/fleet/fleet-status.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { followBeginnings, type Beginnings } from '../../../src/cli/fleet/follow-beginnings.ts';
import { followFleet } from '../../../src/cli/fleet/follow-fleet.ts';
import { fakeContext } from '../fake-context.ts';

const followed: Beginnings[] = [];
afterEach(() => followed.splice(0).forEach((each) => each.close()));

/** What the server and the fleet report; a test changes it. */
interface World {
  workflow?: string;
  fleet?: Partial<FleetStatus>;
  host?: Partial<FleetHostStatus>;
  hosts?: readonly Partial<FleetHostStatus>[];
  /** How often hosts were asked for. */
  queries?: number;
  /** When the latest run with the id of the host's run began. */
  runStartedAtMs?: number;
  /** The gRPC status code of the error instead of an answer. */
  silence?: number;
}

function follow(world: World, { wait = false } = {}) {
  const context = { ...fakeContext(), verbosity: 'normal' as const };
  const fake = {
    within: (_ms: number, ask: () => Promise<unknown>) => ask(),
    server: { version: () => Promise.resolve('1.0.0') },
    temporal: {
      workflow: {
        getHandle: () => ({ describe: async () => ({ status: { name: world.workflow ?? 'RUNNING' } }) }),
      },
    },
    fleets: {
      status: async () => {
        if (world.silence) throw Object.assign(new Error('late'), { code: world.silence, details: 'late' });
        return { phase: 'rolling-out', counts: { running: 1 }, paused: false, ...world.fleet };
      },
      hosts: async (
        _name: string,
        { offset, limit }: { readonly offset: number; readonly limit: number },
      ) => {
        world.queries = (world.queries ?? 0) + 1;
        const all = world.hosts ?? [{ state: 'pending', workflowId: 'run', ...world.host }];
        return { total: all.length, hosts: all.slice(offset, offset + limit) };
      },
    },
    describe: async () => ({ startedAtMs: world.runStartedAtMs ?? 0 }),
  };
  const client = fake as unknown as ChandlerClient;
  const source = {
    client,
    connect: () => Promise.resolve(client),
    name: 'web',
    urlOf: () => undefined,
    flags: [],
  };
  const beginnings = followBeginnings(context, source, { wait, command });
  followed.push(beginnings);
  return { beginnings, context, source, output: context.output };
}
const command = (...words: readonly string[]) => ['chandler', ...words].join(' ');

/** Long enough for some questions. */
const stillWaits = async (answer: Promise<unknown>) => {
  const late = new Promise((resolve) => setTimeout(resolve, 700, 'waits'));
  expect(await Promise.race([answer, late])).toBe('waits');
};
const stuck: Partial<FleetStatus> = {
  counts: { pending: 1, running: 0, parked: 0, failed: 1, done: 0 },
  attention: { reason: 'once', message: 'All others wait.', advice: '' },
};

it.each(['FAILED', 'CANCELLED', 'TERMINATED'])(
  'a host never begins after its fleet is %s',
  async (workflow) => {
    const { beginnings } = follow({ workflow }, { wait: true });
    expect(await beginnings.host(0)).toEqual({ kind: 'over' });
  },
);

it('a host has begun although its fleet is over meanwhile', async () => {
  const { beginnings } = follow({ workflow: 'COMPLETED', host: { state: 'done' } });
  expect(await beginnings.host(0)).toMatchObject({ kind: 'begun', host: { state: 'done' } });
});

it('a fleet that only an operator can continue ends the wait for a host', async () => {
  const { beginnings } = follow({ fleet: stuck });
  expect(await beginnings.host(0)).toEqual({ kind: 'stuck', reason: 'All others wait.' });
});

it('a paused fleet ends the wait for a host, and for the end', async () => {
  const counts = { pending: 1, running: 0, parked: 0, failed: 0, done: 0 };
  const { beginnings } = follow({ fleet: { counts, paused: true } });
  expect(await beginnings.host(0)).toEqual({ kind: 'stuck', reason: 'The fleet is paused.' });
  expect(await beginnings.end()).toBe('attention');
});

it('--wait also waits for the operator', async () => {
  const world: World = { fleet: stuck };
  const host = follow(world, { wait: true }).beginnings.host(0);
  await stillWaits(host);
  world.host = { state: 'parked' };
  expect(await host).toMatchObject({ kind: 'begun' });
});

it('an earlier run with the same id is not that of the fleet', async () => {
  const world: World = { host: { state: 'running', startedAtMs: 1000 }, runStartedAtMs: 400 };
  const host = follow(world).beginnings.host(0);
  await stillWaits(host);
  world.runStartedAtMs = 1003;
  expect(await host).toMatchObject({ kind: 'begun' });
});

it('the attention of a fleet is noticed although its hosts report it late', async () => {
  const world: World = {};
  const end = follow(world).beginnings.end();
  await stillWaits(end);
  world.fleet = stuck;
  expect(await end).toBe('attention');
});

// The server may notice the deadline first, or know that no worker has polled lately.
it.each([4, 1, 9])('a fleet without a worker is announced once (gRPC status %i)', async (silence) => {
  const world: World = { silence };
  const { beginnings, output } = follow(world);
  const end = beginnings.end();
  await stillWaits(end);
  world.workflow = 'COMPLETED';
  expect(await end).toBe('over');
  expect(output().match(/No worker answers for the fleet web\. .*chandler worker/g)).toHaveLength(1);
});

it.each([4, 1, 9])(
  'following a fleet in lines continues without a worker (gRPC status %i)',
  async (silence) => {
    const world: World = { silence };
    const { context, source, output } = follow(world);
    const end = followFleet(context, source, { wait: true }, command);
    await stillWaits(end);
    world.workflow = 'TERMINATED';
    expect(await end).toBe(exitCodes.aborted);
    expect(output().match(/No worker answers for the fleet web\. .*chandler worker/g)).toHaveLength(1);
  },
);

it('waits for many hosts with few queries, and finds each', async () => {
  const hosts = Array.from({ length: 150 }, (_, i) => ({ name: `n${i}`, state: 'pending' as const }));
  const world: World = { hosts };
  const { beginnings } = follow(world);
  const all = Promise.all(hosts.map((_, place) => beginnings.host(place)));
  await stillWaits(all);
  expect(world.queries).toBeLessThan(20);
  world.hosts = hosts.map((host) => ({ ...host, state: 'done' }));
  const found = (await all).map((each) => (each.kind === 'begun' ? each.host.name : each.kind));
  expect(found).toEqual(hosts.map(({ name }) => name));
});
