// What one run costs: on the Temporal server, on the worker, and on the host.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Plan } from '../src/domain/plan/schema.ts';
import type { ProvisionResult } from '../src/workflows/run-kind.ts';
import { bareWork } from './bare-work.ts';
import { countProcesses, whyNoCounts, type ProcessCounts } from './count-execve.ts';
import { floor } from './floor.ts';
import type { BenchHost, Stand } from './stand.ts';
import { formatCount, formatMs, formatS, median, renderTable } from './table.ts';
import { whyWrong, workPlan } from './work.ts';

/** Long enough for what follows a run: its records in the visibility store, the end of its sessions. */
const SETTLE_MS = 500;
const WARM_UPS = 5;
const IDLE_MS = 3000;
const TOP = 24;

type HostMeasure = Record<'logins' | 'execs' | 'execve' | 'forks' | 'hostMs', number>;
type Measure = HostMeasure &
  Record<'wallMs' | 'events' | 'workflowTasks' | 'activities' | 'workerMs' | 'serverMs', number>;

interface Kind {
  readonly name: string;
  /** How often the host has done the work afterwards. */
  readonly runs: number;
  readonly wipe: boolean;
  readonly mark: string;
  readonly outcome: ProvisionResult['outcome'];
}

const KINDS: readonly Kind[] = [
  { name: 'first run on a host', runs: 1, wipe: true, mark: '', outcome: 'provisioned' },
  {
    name: 'no-op run (the sentinel says done)',
    runs: 1,
    wipe: false,
    mark: '',
    outcome: 'already-provisioned',
  },
  { name: 'run of a changed plan', runs: 2, wipe: false, mark: 'changed', outcome: 'provisioned' },
];

/** The cost of each kind of run on one host, as Markdown. */
export async function account(
  stand: Stand,
  rounds: number,
  announce: (line: string) => void,
): Promise<string> {
  const [host] = stand.hosts;
  if (!host) throw new Error('no host');
  const noCounts = await whyNoCounts();
  // A new worker runs code that is not compiled yet.
  for (let i = 0; i < WARM_UPS; i += 1) {
    await host.reset({ wipe: true });
    await stand.provision(workPlan(host.target));
  }
  const idle = await idleRates(stand, host);
  const measured = new Map<Kind, Measure[]>(KINDS.map((kind) => [kind, []]));
  let programs: ProcessCounts['programs'] = new Map();
  let types: ReadonlyMap<string, number> = new Map();
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of KINDS) {
      const one = await measure(stand, host, kind, { idle, counts: noCounts === undefined });
      announce(`round ${round}: ${kind.name}: ${formatMs(one.measure.wallMs)}`);
      measured.get(kind)?.push(one.measure);
      if (kind === KINDS[0]) ({ programs, types } = one);
    }
  }
  const value = (kind: Kind, key: keyof Measure) => median((measured.get(kind) ?? []).map((it) => it[key]));
  announce('a workflow whose activities do nothing');
  const nothing = await floor(stand, rounds);
  const bare: Partial<Measure>[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const one = await measureBareWork(stand, host, { idle, counts: noCounts === undefined });
    announce(`round ${round}: the host alone: ${formatMs(one.hostMs)} of CPU`);
    bare.push(one);
  }
  const row = (name: string, key: keyof Measure, format: (value: number) => string) => [
    name,
    ...KINDS.map((kind) => format(value(kind, key))),
    nothing.get(name) ?? '–',
    format(median(bare.map((it) => it[key] ?? NaN))),
  ];
  const both = 'CPU of worker and server';
  const table = renderTable(
    [
      '',
      ...KINDS.map(({ name }) => name),
      'least of the server: a workflow with the same activities that do nothing',
      'least of the host: one login, nine execs and three terminals',
    ],
    [
      row('wall clock, from `start` to the result', 'wallMs', formatS),
      row('history events', 'events', formatCount),
      row('workflow tasks', 'workflowTasks', formatCount),
      row('activities', 'activities', formatCount),
      row('SSH logins', 'logins', formatCount),
      row('execs (SSH channels)', 'execs', formatCount),
      row('programs started on the host (execve)', 'execve', formatCount),
      row('processes and threads started on the host', 'forks', formatCount),
      row('CPU of the host, with its sshd', 'hostMs', formatMs),
      row('CPU of the worker', 'workerMs', formatMs),
      row('CPU of the Temporal server', 'serverMs', formatMs),
      [
        both,
        ...KINDS.map((kind) => formatMs(controllerMs(measured.get(kind) ?? []))),
        nothing.get(both) ?? '–',
        '–',
      ],
    ],
  );
  const counted =
    noCounts ??
    'Programs and processes are counted by perf, from the events of the kernel for the same group.';
  return [
    `Rounds: ${rounds}, after ${WARM_UPS} runs to warm up; figures are medians. Every run logs in anew. CPU time is that of control groups, until ${SETTLE_MS} ms after the result; what server and worker use while idle is subtracted. ${counted}`,
    table,
    'The least of server and host is what Temporal, sshd and terminals cost without a record, check or answer of Chandler.',
    `Activities of the first run: ${list(types)}.`,
    ...(programs.size > 0 ? [`Programs of the first run: ${list(programs)}.`] : []),
  ].join('\n\n');
}

function controllerMs(measures: readonly Measure[]): number {
  return median(measures.map(({ workerMs, serverMs }) => workerMs + serverMs));
}

function list(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const rest = sorted.slice(TOP).reduce((sum, [, count]) => sum + count, 0);
  const named = sorted.slice(0, TOP).map(([name, count]) => `\`${name}\` ${count}`);
  return [...named, ...(rest > 0 ? [`others ${rest}`] : [])].join(', ');
}

type Rates = Record<'host' | 'worker' | 'server', number>;

/** CPU time so far of each group. */
function cpuOf({ worker, server }: Stand, host: BenchHost): Rates {
  return { host: host.cgroup.cpuMs(), worker: worker.cpuMs(), server: server.cpuMs() };
}

/** CPU time for each millisecond in which nothing runs. */
async function idleRates(stand: Stand, host: BenchHost): Promise<Rates> {
  await delay(SETTLE_MS);
  const [before, begin] = [cpuOf(stand, host), performance.now()];
  await delay(IDLE_MS);
  const [after, tookMs] = [cpuOf(stand, host), performance.now() - begin];
  const rate = (key: keyof Rates) => (after[key] - before[key]) / tookMs;
  return { host: rate('host'), worker: rate('worker'), server: rate('server') };
}

interface Conditions {
  readonly idle: Rates;
  readonly counts: boolean;
}

/** Measures what `work` costs host, worker and server. */
async function spend<T>(stand: Stand, host: BenchHost, conditions: Conditions, work: () => Promise<T>) {
  await delay(SETTLE_MS);
  const stopCount = conditions.counts
    ? await countProcesses(host.cgroup, join(stand.dir, 'perf.data'))
    : undefined;
  const [before, sshd, begin] = [cpuOf(stand, host), host.sshdCounts(), performance.now()];
  const value = await work();
  const wallMs = performance.now() - begin;
  await delay(SETTLE_MS);
  const [after, sshdAfter, tookMs] = [cpuOf(stand, host), host.sshdCounts(), performance.now() - begin];
  const cpu = (key: keyof Rates) => Math.max(0, after[key] - before[key] - conditions.idle[key] * tookMs);
  const processes = await stopCount?.();
  return {
    value,
    programs: processes?.programs ?? new Map<string, number>(),
    measure: {
      wallMs,
      logins: sshdAfter.logins - sshd.logins,
      execs: sshdAfter.execs - sshd.execs,
      execve: processes?.execve ?? NaN,
      forks: processes?.forks ?? NaN,
      hostMs: cpu('host'),
      workerMs: cpu('worker'),
      serverMs: cpu('server'),
    },
  };
}

async function measure(stand: Stand, host: BenchHost, kind: Kind, conditions: Conditions) {
  const plan: Plan = workPlan(host.target, { mark: kind.mark });
  await host.reset({ wipe: kind.wipe });
  const { value, programs, measure } = await spend(stand, host, conditions, () =>
    stand.provision(plan, kind.outcome),
  );
  const wrong = whyWrong(host.read, kind.runs);
  if (wrong !== undefined) throw new Error(`${kind.name}: ${wrong}`);
  const { events, workflowTasks, types } = await readEvents(stand, value.workflowId);
  const activities = [...types.values()].reduce((sum, count) => sum + count, 0);
  return {
    measure: { ...measure, wallMs: value.wallMs, events, workflowTasks, activities },
    programs,
    types,
  };
}

async function measureBareWork(stand: Stand, host: BenchHost, conditions: Conditions): Promise<HostMeasure> {
  await host.reset({ wipe: true });
  await stand.provision(workPlan(host.target));
  await host.reset({ wipe: false });
  const { logins, execs, execve, forks, hostMs } = (
    await spend(stand, host, conditions, () => bareWork(host))
  ).measure;
  const wrong = whyWrong(host.read);
  if (wrong !== undefined) throw new Error(`the host alone: ${wrong}`);
  return { logins, execs, execve, forks, hostMs };
}

async function readEvents({ client }: Stand, workflowId: string) {
  const history = await client.temporal.workflow.getHandle(workflowId).fetchHistory();
  const events = history.events ?? [];
  const types = new Map<string, number>();
  for (const { activityTaskScheduledEventAttributes: scheduled } of events) {
    const name = scheduled?.activityType?.name;
    if (name) types.set(name, (types.get(name) ?? 0) + 1);
  }
  const workflowTasks = events.filter((event) => event.workflowTaskCompletedEventAttributes).length;
  return { events: events.length, workflowTasks, types };
}
