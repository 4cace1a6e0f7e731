import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LaunchState } from '../../../src/domain/run/launch-state.ts';
import type { Programs } from '../../../src/host/programs.ts';
import { poll } from '../../support/poll.ts';
import { HostUnderTest, type How, type Point, type ProgramName, type Remains } from './host-under-test.ts';
import { NOTHING_RAN, wrongs, type History } from './model.ts';

/** One operation of the protocol in one situation, to be broken at every point that it comes by. */
export interface Scenario {
  readonly name: string;
  readonly program: ProgramName;
  /** Zmx session of the launch, if it has one. */
  readonly session?: string;
  readonly prepare: (host: HostUnderTest) => Promise<unknown>;
  readonly act: (host: HostUnderTest) => Promise<unknown>;
  /** Someone asked for the end of the launch. */
  readonly kills?: boolean;
  /** The launch may be forgotten, and is never started anew without having been created anew. */
  readonly prunes?: boolean;
  /** The operation writes the record of its step. */
  readonly records?: boolean;
  /** What is wrong once the operation is repeated after the crash; default: see {@link recover}. */
  readonly recover?: (host: HostUnderTest) => Promise<string[]>;
}

/** A launch that has begun is named by the record of its step, whatever was lost. */
async function recoverRecorded(host: HostUnderTest, scenario: Scenario, history: History): Promise<string[]> {
  const named = () => {
    const isNamed = host.record(host.id) === `${host.id} d n\n`;
    return host.ledger(host.id).begins === 0 || isNamed
      ? []
      : [`it ran, and the record is ${JSON.stringify(host.record(host.id))}`];
  };
  return [...named(), ...(await recover(host, scenario, history, (id) => host.launch(id))), ...named()];
}

/** The record of a check is there whole or not at all, and there once the check is repeated. */
async function recoverChecked(host: HostUnderTest): Promise<string[]> {
  const wrong = ['', '=f d n\n'].includes(host.record(host.id))
    ? []
    : [`a torn record: ${host.record(host.id)}`];
  const code = await host.check(host.id);
  const isRecorded = code === 0 && host.record(host.id) === '=f d n\n';
  return [
    ...wrong,
    ...(isRecorded ? [] : [`code ${code}, and the record is ${JSON.stringify(host.record(host.id))}`]),
  ];
}

const created = (host: HostUnderTest) => host.create(host.id);
const ended = async (host: HostUnderTest) => {
  await host.create(host.id);
  await host.start(host.id);
  await host.wait(host.id);
};

export const SCENARIOS: readonly Scenario[] = [
  { name: 'create', program: 'host', prepare: async () => undefined, act: created },
  {
    name: 'launch',
    program: 'host',
    prepare: async () => undefined,
    act: (host) => host.launch(host.id),
    records: true,
  },
  {
    name: 'a check that is satisfied',
    program: 'host',
    prepare: async () => undefined,
    act: (host) => host.check(host.id),
    records: true,
    recover: recoverChecked,
  },
  { name: 'start, without a session', program: 'host', prepare: created, act: (host) => host.start(host.id) },
  {
    name: 'start, in a session',
    program: 'host',
    session: 's',
    prepare: created,
    act: (host) => host.start(host.id, 's'),
  },
  {
    name: 'start, where an earlier launch has ended',
    program: 'host',
    session: 's',
    prepare: async (host) => {
      await host.create(`${host.id}-earlier`);
      await host.start(`${host.id}-earlier`, 's');
      await host.wait(`${host.id}-earlier`);
      await host.create(host.id);
    },
    act: (host) => host.start(host.id, 's'),
  },
  {
    name: 'the supervisor',
    program: 'supervise',
    prepare: async () => undefined,
    act: (host) => host.launch(host.id),
    records: true,
  },
  {
    name: 'kill before the start',
    program: 'host',
    prepare: created,
    act: (host) => host.kill(host.id),
    kills: true,
  },
  {
    name: 'kill of what runs',
    program: 'host',
    prepare: async (host) => {
      await host.create(host.id, true);
      await host.start(host.id);
      await poll(() => host.ledger(host.id).begins > 0, 'the step');
    },
    act: (host) => host.kill(host.id),
    kills: true,
  },
  {
    name: 'prune',
    program: 'host',
    prepare: async (host) => {
      await ended(host);
      host.age(host.id);
    },
    act: (host) => host.host.prune(5),
    prunes: true,
  },
];

/** The points that a scenario comes by when nothing is broken. */
export async function discover(scenario: Scenario, programs?: Programs): Promise<Point[]> {
  return withHost(programs, async (host) => {
    await scenario.prepare(host);
    host.trace(scenario.program);
    host.armed = scenario.program === 'host';
    await scenario.act(host);
    host.armed = false;
    // What a supervisor does once its launch has ended is some of it, too.
    if (scenario.program === 'supervise') await poll(() => host.processes().length === 0, 'the supervisor');
    return host.points(scenario.program);
  });
}

/** Crashing before these is crashing before what follows: they change nothing outside of their shell. */
const PURE =
  /^(\[|\w+=(?!.*\$\()|:(?! >)|(case|exec 4|exec 9>&|export|set|shift|read|return|trap|i=) )|\[source /;

/** The points at which the world differs from that at the point before. */
function effective(points: readonly Point[]): Point[] {
  const functions = new Set(points.map(({ at }) => /\[([a-z]\w*) /.exec(at)?.[1]));
  return points.filter(({ at }) => !PURE.test(at) && !functions.has(at.split(' ')[0]));
}

export type Crash = { readonly how: Exclude<How, 'pause'> } | { readonly power: Remains };

function crashesAt(point: Point, scenario: Scenario): Crash[] {
  const torn = /[^0-9<>]> ?"|^rm -rf/.test(point.at);
  return [
    { how: 'program' },
    ...(point.inSubshell ? [{ how: 'part' } as const] : []),
    ...(torn ? [{ how: 'half' } as const] : [{ how: 'group' } as const]),
    ...(scenario.session === undefined ? [{ power: 'names' } as const, { power: 'synced' } as const] : []),
  ];
}

export interface Case {
  readonly point: Point;
  readonly fault: Crash;
}

/** Every way to break a scenario that comes by these points. */
export function crashes(points: readonly Point[], scenario: Scenario): Case[] {
  const own = scenario === PROLOGUE_IN ? points : withoutPrologue(points, scenario.program);
  return effective(own).flatMap((point) => crashesAt(point, scenario).map((fault) => ({ point, fault })));
}

/** The host program comes by the same points before it calls a subcommand, so one scenario breaks it there. */
const PROLOGUE_IN = SCENARIOS[0];

function withoutPrologue(points: readonly Point[], program: ProgramName): readonly Point[] {
  if (program !== 'host') return points;
  return points.slice(points.findIndex(({ at }) => !/\[((say|run_dir) )?[ \d]*\]$/.test(at)));
}

/**
 * The record of a step is written or placed, its launch gets its name, or both come to the disk; last, the first point at which the
 * step has begun for certain.
 */
const AROUND_RECORDS =
  /\[(\w+ )*(write|place)_record |^mv -T "\$new" "\$launch"|^sync .*\$state\/plans|\[report attend /;

/** Whether a case is too important for a sample. Where nothing runs beside the program, its whole group ends like itself. */
export function isAroundRecords({ point, fault }: Case): boolean {
  return AROUND_RECORDS.test(point.at) && !('how' in fault && fault.how === 'group');
}

/** Breaks a scenario at a point, goes on as a worker does, and tells what was wrong with the answers. */
export async function crash(
  scenario: Scenario,
  point: Point,
  fault: Crash,
  programs?: Programs,
): Promise<string[]> {
  // How soon a launch ends decides what the host comes by.
  for (let tries = 1; ; tries += 1) {
    const wrong = await crashOnce(scenario, point, fault, programs);
    if (!wrong.includes(MISSED) || tries === 5) return wrong;
  }
}

const MISSED = 'it did not come by';

async function crashOnce(
  scenario: Scenario,
  point: Point,
  fault: Crash,
  programs?: Programs,
): Promise<string[]> {
  return withHost(programs, async (host) => {
    await scenario.prepare(host);
    host.plan(scenario.program, 'how' in fault ? fault.how : 'group', point);
    host.armed = scenario.program === 'host';
    // The answer is lost, or it is not: nobody relies on it.
    await scenario.act(host).catch(() => undefined);
    host.armed = false;
    if (scenario.program === 'supervise') await firedOrOver(host, 'supervise');
    if (!host.hasFired(scenario.program)) return [MISSED];
    if ('power' in fault) await host.reboot(fault.power);
    const history: History = {
      supervisorHit: scenario.program === 'supervise',
      logLost: 'how' in fault && fault.how === 'part' && /\[(again|keep|mask|chunks) /.test(point.at),
      powerLost: 'power' in fault,
      killed: scenario.kills === true,
      pruned: scenario.prunes === true,
    };
    if (scenario.recover) return scenario.recover(host);
    return scenario.records ? recoverRecorded(host, scenario, history) : recover(host, scenario, history);
  });
}

/** What a worker does after a lost answer, or what the next run does: every answer on the way must be right. */
export async function recover(
  host: HostUnderTest,
  scenario: Scenario,
  history: History,
  launch?: (id: string) => Promise<LaunchState>,
): Promise<string[]> {
  const wrong: string[] = [];
  const judge = async (what: string, ask: () => Promise<LaunchState>) => {
    const before = host.ledger(host.id);
    const state = await ask();
    const log = state.kind === 'exited' && state.code < 128 ? await host.log(host.id) : undefined;
    const found = wrongs(state, { before, now: host.ledger(host.id) }, history, log);
    wrong.push(...found.map((text) => `${what}: ${text}`));
    return state;
  };
  try {
    await judge('state', () => host.state(host.id));
    if (scenario.kills) await judge('kill', async () => (await host.kill(host.id, scenario.session)).state);
    const ranBefore = scenario.kills ? host.ledger(host.id).begins : 1;
    let state = await host.state(host.id);
    // A worker starts again what has not begun. Each time waits for a second, in which a busy machine gets little done.
    for (
      let tries = 0;
      tries < 30 && !['exited', 'interrupted', 'cancelled'].includes(state.kind);
      tries += 1
    ) {
      if (scenario.prunes) {
        if (state.kind === 'absent') break;
        await host.start(host.id).catch(() => undefined);
      } else if (launch) await judge('launch', () => launch(host.id));
      else {
        await judge('create', () => host.create(host.id));
        await judge('start', () => host.start(host.id, scenario.session));
      }
      state = await judge('wait', () => host.wait(host.id));
    }
    const over: readonly string[] = [
      'exited',
      'interrupted',
      'cancelled',
      ...(scenario.prunes ? ['absent'] : []),
    ];
    if (!over.includes(state.kind)) wrong.push(`it stays "${state.kind}"`);
    if (state.kind !== 'absent') {
      const again = await judge('start again', () => host.start(host.id, scenario.session));
      if (again.kind !== state.kind) wrong.push(`"${state.kind}", and started again "${again.kind}"`);
      // One that zmx was told to start and that begins only now.
      host.superviseLate(host.id);
      const { left, state: last } = await host.kill(host.id, scenario.session);
      if (left > 0) wrong.push(`${left} processes left`);
      await judge('kill at last', () => Promise.resolve(last));
      if (last.kind !== state.kind) wrong.push(`"${state.kind}", and "${last.kind}" once killed`);
    }
    if (host.ledger(host.id).begins > ranBefore) wrong.push('it ran after it was killed');
    const alive = host.processes(`CHANDLER_LAUNCH=${host.id}`);
    if (alive.length > 0) wrong.push(`processes are left: ${alive.join(' ')}`);
    if (host.secrets().length > 0) wrong.push(`secrets are left: ${host.secrets().join(' ')}`);
  } catch (error) {
    wrong.push(`no answer: ${String(error)}`);
  }
  return wrong;
}

/** Two operations on one launch: the first is held at a point while the second does its work. */
export interface Pair {
  readonly name: string;
  readonly program: ProgramName;
  readonly prepare: (host: HostUnderTest) => Promise<unknown>;
  readonly first: (host: HostUnderTest) => Promise<unknown>;
  readonly second: (host: HostUnderTest) => Promise<unknown>;
  readonly kills?: boolean;
  readonly prunes?: boolean;
}

const start = (host: HostUnderTest) => host.start(host.id);
const startInSession = (host: HostUnderTest) => host.start(host.id, 's');
const gated = (host: HostUnderTest) => host.create(host.id, true);
const kill = (host: HostUnderTest) => host.kill(host.id);

export const PAIRS: readonly Pair[] = [
  {
    name: 'create beside create',
    program: 'host',
    prepare: async () => undefined,
    first: created,
    second: created,
  },
  { name: 'start beside start', program: 'host', prepare: created, first: start, second: start },
  {
    name: 'start beside start, in a session',
    program: 'host',
    prepare: created,
    first: startInSession,
    second: startInSession,
  },
  {
    name: 'state beside start',
    program: 'host',
    prepare: gated,
    first: (host) => host.state(host.id),
    second: start,
  },
  {
    name: 'wait beside start',
    program: 'host',
    prepare: created,
    first: (host) => host.wait(host.id),
    second: start,
  },
  { name: 'start beside kill', program: 'host', prepare: created, first: start, second: kill, kills: true },
  { name: 'kill beside start', program: 'host', prepare: created, first: kill, second: start, kills: true },
  {
    name: 'the supervisor beside start',
    program: 'supervise',
    prepare: created,
    first: start,
    second: start,
  },
  {
    name: 'the supervisor beside state',
    program: 'supervise',
    prepare: created,
    first: start,
    second: (host) => host.state(host.id),
  },
  {
    name: 'the supervisor beside kill',
    program: 'supervise',
    prepare: created,
    first: start,
    second: kill,
    kills: true,
  },
  {
    name: 'prune beside start',
    program: 'host',
    prepare: async (host) => {
      await host.create(host.id);
      host.age(host.id);
    },
    first: (host) => host.host.prune(5),
    second: start,
    prunes: true,
  },
];

export async function discoverPair(pair: Pair, programs?: Programs): Promise<Point[]> {
  const points = await discover({ ...pair, act: pair.first }, programs);
  // What only reads can be held back between two looks; a supervisor is as others see it.
  return pair.program === 'host'
    ? points.filter(({ at }) => /\[[a-z]/.test(at) && !at.includes('[run_dir'))
    : effective(points);
}

/** How long the second operation has the host for itself. */
const AHEAD_MS = 400;

export async function interleave(pair: Pair, point: Point, programs?: Programs): Promise<string[]> {
  return withHost(programs, async (host) => {
    const history: History = { killed: pair.kills === true, pruned: pair.prunes === true };
    const wrong: string[] = [];
    const judge = (what: string) => (answer: unknown) => {
      const state = (answer as { state?: LaunchState }).state ?? (answer as LaunchState);
      if (typeof state !== 'object' || !('kind' in state)) return;
      const now = host.ledger(host.id);
      wrong.push(...wrongs(state, { before: NOTHING_RAN, now }, history).map((text) => `${what}: ${text}`));
    };
    const failed = (what: string) => (error: unknown) => {
      if (!pair.prunes) wrong.push(`${what}: ${String(error)}`);
    };
    await pair.prepare(host);
    host.plan(pair.program, 'pause', point);
    host.armed = pair.program === 'host';
    const first = pair.first(host).then(judge('the first'), failed('the first'));
    host.armed = false;
    let hasAnswered = false;
    void first.then(() => (hasAnswered = true));
    await firedOrOver(host, pair.program, () => pair.program === 'host' && hasAnswered);
    const second = pair.second(host).then(judge('the second'), failed('the second'));
    await Promise.race([second, delay(AHEAD_MS)]);
    host.resume();
    await Promise.all([first, second]);
    if (!host.hasFired(pair.program)) return [MISSED];
    host.release(host.id);
    return [...wrong, ...(await recover(host, { ...pair, act: pair.first }, history))];
  });
}

/** Until the fault has happened, or cannot happen any more. */
async function firedOrOver(host: HostUnderTest, program: ProgramName, isOver = () => false): Promise<void> {
  await poll(() => host.hasFired(program) || isOver() || host.processes().length === 0, 'the fault');
}

async function withHost<T>(
  programs: Programs | undefined,
  use: (host: HostUnderTest) => Promise<T>,
): Promise<T> {
  const host = new HostUnderTest(mkdtempSync(join(tmpdir(), 'lm-')), programs);
  try {
    return await use(host);
  } finally {
    await host.remove();
  }
}
