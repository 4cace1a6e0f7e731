import * as fc from 'fast-check';
import type { LaunchState } from '../../../src/domain/run/launch-state.ts';
import { poll } from '../../support/poll.ts';
import { signal, type HostUnderTest, type Remains } from './host-under-test.ts';
import { after, answers, isOver, learn, wrongs, type Event, type Kind, type LaunchModel } from './model.ts';

/** What the model knows of the host: one launch of each name. */
export type Model = Map<string, LaunchModel>;
type Step = fc.AsyncCommand<Model, HostUnderTest>;

export const NAMES = ['a', 'b'] as const;

export const newModel = (): Model =>
  new Map(
    NAMES.map((name) => [
      name,
      { may: new Set<Kind>(['absent']), released: false, awaited: false, history: {} },
    ]),
  );

const idOf = (host: HostUnderTest, name: string) => `${host.id}-${name}`;
const mayBe = (launch: LaunchModel, ...kinds: Kind[]) => kinds.some((kind) => launch.may.has(kind));
const get = (model: Readonly<Model>, name: string): LaunchModel => model.get(name)!;

/** Compares an answer with what the model allows, and learns from it. */
async function observe(model: Model, host: HostUnderTest, name: string, ask: () => Promise<LaunchState>) {
  const launch = get(model, name);
  const id = idOf(host, name);
  const before = host.ledger(id);
  const state = await ask();
  const allowed = answers(launch);
  const log = state.kind === 'exited' && state.code < 128 ? await host.log(id) : undefined;
  const wrong = wrongs(state, { before, now: host.ledger(id) }, launch.history, log);
  if (!allowed.has(state.kind)) wrong.push(`answered "${state.kind}", and not ${[...allowed].join(' or ')}`);
  if (wrong.length > 0) throw new Error(`${name}: ${wrong.join('; ')}`);
  launch.may = learn(launch, state.kind);
  return state;
}

/** An operation or fault on one launch, with the model's idea of it. */
function step(
  label: string,
  name: string,
  check: (launch: LaunchModel) => boolean,
  run: (model: Model, host: HostUnderTest, launch: LaunchModel) => Promise<unknown>,
): Step {
  return {
    check: (model) => check(get(model, name)),
    run: async (model, host) => void (await run(model, host, get(model, name))),
    toString: () => `${label} ${name}`,
  };
}

const apply = (event: Event, launch: LaunchModel) => {
  launch.may = after(event, launch);
};

const begin = (event: Event, launch: LaunchModel) => {
  apply(event, launch);
  launch.awaited = true;
};

/** Until no supervisor is at work: what a fault leads to has come to its end. */
const unsupervised = (host: HostUnderTest, id: string) =>
  poll(async () => (await host.state(id)).kind !== 'running', 'the end of the supervisor');

const operations = {
  create: (name: string) =>
    step(
      'create',
      name,
      () => true,
      (model, host, launch) => {
        apply('create', launch);
        return observe(model, host, name, () => host.create(idOf(host, name), true));
      },
    ),
  start: (name: string) =>
    step(
      'start',
      name,
      (launch) => !mayBe(launch, 'absent'),
      (model, host, launch) => {
        begin('start', launch);
        return observe(model, host, name, () => host.start(idOf(host, name), name));
      },
    ),
  startTwice: (name: string) =>
    step(
      'start twice at once',
      name,
      (launch) => !mayBe(launch, 'absent'),
      async (model, host, launch) => {
        begin('start', launch);
        const id = idOf(host, name);
        // One of them may find the other at work.
        await Promise.all([host.start(id, name), host.start(id, name)]);
        await observe(model, host, name, () => host.start(id, name));
      },
    ),
  createLost: (name: string, ms: number) =>
    step(
      `create, cut off after ${ms} ms,`,
      name,
      () => true,
      async (_, host, launch) => {
        apply('createLost', launch);
        await host.cutOff(ms, () => host.create(idOf(host, name), true));
      },
    ),
  startLost: (name: string, ms: number) =>
    step(
      `start, cut off after ${ms} ms,`,
      name,
      (launch) => !mayBe(launch, 'absent'),
      async (_, host, launch) => {
        begin('startLost', launch);
        await host.cutOff(ms, () => host.start(idOf(host, name), name));
      },
    ),
  release: (name: string) =>
    step(
      'release',
      name,
      (launch) => !launch.released,
      async (_, host, launch) => {
        launch.released = true;
        host.release(idOf(host, name));
      },
    ),
  state: (name: string) =>
    step(
      'state',
      name,
      () => true,
      (model, host) => observe(model, host, name, () => host.state(idOf(host, name))),
    ),
  wait: (name: string) =>
    step(
      'wait',
      name,
      (launch) => launch.released || !mayBe(launch, 'created', 'running'),
      (model, host, launch) => {
        // It answers once the launch is over; one that does not begin is told after a while.
        if (launch.may.has('running'))
          launch.may = new Set([...launch.may, 'exited' as const].filter((kind) => kind !== 'running'));
        return observe(model, host, name, () => host.wait(idOf(host, name)));
      },
    ),
  kill: (name: string) =>
    step(
      'kill',
      name,
      () => true,
      async (model, host, launch) => {
        apply('kill', launch);
        launch.history = { ...launch.history, killed: true };
        await observe(model, host, name, async () => {
          const { state, left } = await host.kill(idOf(host, name), name);
          if (left > 0) throw new Error(`${name}: ${left} processes are left`);
          return state;
        });
        const alive = host.processes(`CHANDLER_LAUNCH=${idOf(host, name)}`);
        if (alive.length > 0) throw new Error(`${name}: processes are left`);
      },
    ),
  prune: (name: string) =>
    step(
      'prune',
      name,
      // One that still has processes is kept, so that they are not forgotten.
      (launch) => mayBe(launch, 'exited', 'running', 'cancelled', 'created') && launch.may.size === 1,
      async (model, host, launch) => {
        const over = launch.may;
        apply('prune', launch);
        if (launch.released) launch.may = new Set([...launch.may, ...over, 'absent']);
        launch.history = { ...launch.history, pruned: true };
        await host.prune(idOf(host, name));
        const { kind } = await observe(model, host, name, () => host.state(idOf(host, name)));
        // Forgotten means that a launch of this id would be another one.
        if (kind === 'absent') host.forgetLedger(idOf(host, name));
      },
    ),
};

const hit = (launch: LaunchModel) => {
  launch.history = { ...launch.history, supervisorHit: true };
};

/** Kills one process around the step, once the step has begun. */
const partKilled = (
  part: 'script' | 'tee' | 'leader',
  event: Event,
  name: string,
  learnFrom: (launch: LaunchModel) => void,
) =>
  step(
    `kill the ${part} of`,
    name,
    (launch) => mayBe(launch, 'running') && launch.may.size === 1 && !launch.released,
    async (_, host, launch) => {
      const id = idOf(host, name);
      await poll(() => host.ledger(id).begins > 0, 'the step');
      apply(event, launch);
      learnFrom(launch);
      for (const pid of host.parts(id, part)) signal(pid, 'SIGKILL');
      if (part === 'leader') await unsupervised(host, id);
    },
  );

const faults = {
  supervisorKilled: (name: string) =>
    step(
      'kill the supervisor of',
      name,
      (launch) => mayBe(launch, 'running') && launch.may.size === 1,
      async (_, host, launch) => {
        const pid = host.supervisor(idOf(host, name));
        apply('supervisorKilled', launch);
        hit(launch);
        if (pid !== undefined) signal(pid, 'SIGKILL');
        await unsupervised(host, idOf(host, name));
      },
    ),
  everythingKilled: (name: string) =>
    step(
      'kill every process of',
      name,
      (launch) => mayBe(launch, 'running') && launch.may.size === 1,
      async (_, host, launch) => {
        const pid = host.supervisor(idOf(host, name));
        apply('everythingKilled', launch);
        hit(launch);
        const pids = [
          ...(pid === undefined ? [] : [pid]),
          ...host.processes(`CHANDLER_ID=${idOf(host, name)}`),
        ];
        for (const each of [...pids, ...host.processes(`CHANDLER_LAUNCH=${idOf(host, name)}`)])
          signal(each, 'SIGKILL');
        await unsupervised(host, idOf(host, name));
      },
    ),
  daemonKilled: (name: string) =>
    step(
      'kill the zmx daemon of',
      name,
      (launch) => mayBe(launch, 'running'),
      async (_, host, launch) => {
        apply('terminalKilled', launch);
        for (const pid of host.daemons(name)) signal(pid, 'SIGKILL');
      },
    ),
  sessionKilled: (name: string) =>
    step(
      'zmx kill',
      name,
      (launch) => mayBe(launch, 'running'),
      async (_, host, launch) => {
        apply('terminalKilled', launch);
        await host.killSession(name);
      },
    ),
  scriptKilled: (name: string) =>
    partKilled('script', 'scriptKilled', name, (launch) => {
      launch.history = { ...launch.history, logLost: true };
    }),
  copierKilled: (name: string) => partKilled('tee', 'copierKilled', name, () => undefined),
  leaderKilled: (name: string) => partKilled('leader', 'leaderKilled', name, hit),
};

function reboot(remains: Remains): Step {
  return {
    check: () => true,
    run: async (model, host) => {
      await host.reboot(remains);
      for (const launch of model.values()) {
        apply('reboot', launch);
        launch.awaited = false;
        launch.history = { ...launch.history, powerLost: true };
        // What was cut off may have been done but not have come to the disk.
        if (launch.may.has('created') && launch.may.size > 1)
          launch.may = new Set([...launch.may, 'absent', 'interrupted']);
      }
    },
    toString: () => `reboot, ${remains} kept`,
  };
}

const name = fc.constantFrom(...NAMES);
const ms = fc.integer({ min: 5, max: 250 });

/** Sequences of operations and faults. */
export const sequences = fc.commands(
  [
    ...[operations.create, operations.start, operations.start, operations.state, operations.release].map(
      (make) => name.map(make),
    ),
    ...[operations.startTwice, operations.wait, operations.kill, operations.prune].map((make) =>
      name.map(make),
    ),
    ...Object.values(faults).map((make) => name.map(make)),
    fc.tuple(name, ms).map(([each, after]) => operations.createLost(each, after)),
    fc.tuple(name, ms).map(([each, after]) => operations.startLost(each, after)),
    fc.constantFrom<Remains>('everything', 'names', 'synced').map(reboot),
  ],
  { maxCommands: 14 },
);

/** After every sequence: each launch is brought to its end, which a second look confirms. */
export async function finish(model: Model, host: HostUnderTest): Promise<void> {
  for (const each of NAMES) {
    const launch = get(model, each);
    const id = idOf(host, each);
    host.release(id);
    launch.released = true;
    let state = await observe(model, host, each, () => host.state(id));
    for (let tries = 0; tries < 3 && !isOver(state.kind); tries += 1) {
      await operations.create(each).run(model, host);
      await operations.start(each).run(model, host);
      await operations.wait(each).run(model, host);
      state = await host.state(id);
    }
    if (!isOver(state.kind)) throw new Error(`${each} stays ${state.kind}`);
    await operations.kill(each).run(model, host);
  }
  if (host.secrets().length > 0) throw new Error(`secrets are left: ${host.secrets().join(' ')}`);
}
