import { setTimeout as delay } from 'node:timers/promises';
import { sandboxReboot } from '../test/support/sandbox-control.ts';
import { arm, disarm, type Window } from './aim.ts';
import type { Attempt, Injected } from './evidence.ts';
import type { AimAnswer } from './ledger.ts';
import { programKilled, type DrawnFault } from './schedule.ts';
import type { Stage, StageHost } from './stage.ts';
import { workerOf, type WorkerSlot } from './workers.ts';

/** An injected fault, with the facts that its recovery time is computed from. */
export interface Struck extends Omit<Injected, 'recoveryMs'> {
  readonly on: DrawnFault['kind']['on'];
  /** Activities of the run on the struck worker. */
  readonly held: readonly string[];
  /** When the host sent data again after a fault of the link. */
  readonly heardMs?: number;
}

/** One fault at a time for each target: two faults of one target would undo each other. */
export interface Locks {
  readonly take: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

export function createLocks(): Locks {
  const last = new Map<string, Promise<unknown>>();
  return {
    take(name, work) {
      const next = (last.get(name) ?? Promise.resolve()).then(work, work);
      last.set(name, next);
      return next;
    },
  };
}

/** Strikes one run with its faults. `settle` returns once every fault is undone. */
export interface Striker {
  readonly settle: () => Promise<Struck[]>;
}

export async function strikeRun(
  stage: Stage,
  host: StageHost,
  run: string,
  faults: readonly DrawnFault[],
  windows: readonly Window[],
  locks: Locks,
  onFault: (struck: Struck) => void,
): Promise<Striker> {
  const struck: Struck[] = [];
  const pending: Promise<void>[] = [];
  const errors: unknown[] = [];
  const over = new AbortController();

  const strikeWhole = async (
    fault: DrawnFault,
    window: Window | undefined,
    isIn: () => void,
  ): Promise<void> => {
    const done = await strikeOnce({ stage, host, run, locks, over: over.signal }, fault, window, isIn);
    if (!done) return;
    struck.push(done);
    onFault(done);
  };
  /** Returns once the fault is injected; the rest continues in the background. */
  const strike = (fault: DrawnFault, window?: Window): Promise<void> =>
    new Promise((isIn) => {
      const whole = strikeWhole(fault, window, isIn).catch((error: unknown) => void errors.push(error));
      pending.push(whole.finally(isIn));
    });

  // Under the lock, because it must not end what a fault runs on the host.
  stage.ledger.onReboot(host.sandbox.name, (launch) => {
    const whole = locks.take(host.sandbox.name, () => rebootFor(host, launch));
    pending.push(whole.catch((error: unknown) => void errors.push(error)));
  });
  const aimed = new Map<Window, DrawnFault>();
  for (const fault of faults) {
    const { moment } = fault;
    if (moment.at === 'window') aimed.set(windows[moment.number % windows.length]!, fault);
    else
      pending.push(
        delay(moment.afterMs, undefined, { signal: over.signal }).then(() => strike(fault), ignore),
      );
  }
  const onStop = async (window: Window): Promise<AimAnswer> => {
    const fault = aimed.get(window);
    if (!fault || over.signal.aborted) return 'go';
    await strike(fault, window);
    return fault.kind === programKilled ? 'die' : 'go';
  };
  // A reboot must not end the arming process.
  if (aimed.size > 0) await locks.take(host.sandbox.name, () => arm(stage, host, [...aimed.keys()], onStop));

  return {
    async settle() {
      over.abort();
      while (pending.length > 0) await Promise.all(pending.splice(0));
      if (aimed.size > 0) await disarm(stage, host);
      if (errors.length > 0)
        throw new AggregateError(errors, `a fault of ${run} could not be injected or undone`);
      return struck;
    },
  };
}

/** Reboots the host for a step that waits for that. A step that has ended does not cause a reboot of what follows. */
async function rebootFor(host: StageHost, launch: string): Promise<void> {
  const lock = `/var/lib/chandler/launches/${launch}/lock`;
  const waits = await host.run(`if [ -e ${lock} ] && ! flock -n -s ${lock} true; then echo yes; fi`);
  if (waits !== '') await sandboxReboot(host.sandbox);
}

/** Injects a fault, keeps it for its time, undoes it, and observes the recovery of the link. Undefined if nothing was struck. */
async function strikeOnce(
  at: { stage: Stage; host: StageHost; run: string; locks: Locks; over: AbortSignal },
  { kind, salt, lastsMs }: DrawnFault,
  window: Window | undefined,
  isIn: () => void,
): Promise<Struck | undefined> {
  const { stage, host, run, locks, over } = at;
  const { worker, held } = await serving(stage, run, salt);
  const scopes = { worker: worker.name, server: 'server', run } as const;
  const scope = kind.on in scopes ? scopes[kind.on as keyof typeof scopes] : host.sandbox.name;
  const times = await locks.take(scope, async () => {
    const atMs = Date.now();
    const undo = await kind.strike({ stage, host, run, worker, salt });
    isIn();
    if (!undo) return undefined;
    await delay(lastsMs);
    await undo();
    return { atMs, healedMs: Date.now() };
  });
  if (!times) return undefined;
  const linked = kind.on === 'link' || kind.on === 'sshd';
  const heardMs = linked ? await heardAgain(host, over) : undefined;
  return {
    ...times,
    kind: kind.name,
    on: kind.on,
    host: host.sandbox.name,
    run,
    held: kind.on === 'worker' ? held : [],
    onHost: kind.on !== 'worker' && kind.on !== 'server',
    kills: kind.kills ?? false,
    losesLogs: kind.losesLogs ?? false,
    removesAccess: kind.removesAccess ?? false,
    ...(window && { window }),
    ...(heardMs !== undefined && { heardMs }),
  };
}

function ignore(): void {
  // The run was over before the time of the fault.
}

/** A worker that runs an activity of the run, otherwise any, with its activities of the run. */
async function serving(
  stage: Stage,
  run: string,
  salt: number,
): Promise<{ worker: WorkerSlot; held: readonly string[] }> {
  const { workers, client } = stage;
  const any = workers[salt % workers.length]!;
  try {
    const { raw } = await client.temporal.withDeadline(Date.now() + 1000, () =>
      client.temporal.workflow.getHandle(run).describe(),
    );
    const at = (raw.pendingActivities ?? []).map(({ activityId, lastWorkerIdentity }) => ({
      activityId: activityId ?? '',
      worker: workerOf(workers, lastWorkerIdentity),
    }));
    const busy = at.find(({ worker }) => worker)?.worker ?? any;
    const held = at.filter(({ worker }) => worker === busy).map(({ activityId }) => activityId);
    return { worker: busy, held };
  } catch {
    return { worker: any, held: [] };
  }
}

/** When the host sends data through its proxy; undefined if the run is over before. */
async function heardAgain(host: StageHost, over: AbortSignal): Promise<number | undefined> {
  const before = host.proxy.heard();
  const end = Date.now() + 30_000;
  while (host.proxy.heard() === before) {
    if (over.aborted || Date.now() > end) return undefined;
    await delay(10);
  }
  return Date.now();
}

/** The recovery time of a fault, from the records of its run. Undefined if nothing had stopped. */
export function recoveryMs(
  struck: Struck,
  recorded: { readonly eventsMs: readonly number[]; readonly attempts: readonly Attempt[] },
): number | undefined {
  const { atMs, healedMs, held, heardMs } = struck;
  if (struck.on === 'link' || struck.on === 'sshd')
    return heardMs === undefined ? undefined : heardMs - healedMs;
  if (struck.on === 'worker') {
    // A disturbed activity has started again elsewhere.
    const again = recorded.attempts.filter(
      ({ activity, startedMs }) => held.includes(activity) && startedMs > atMs,
    );
    return again.length === 0 ? undefined : Math.max(...again.map(({ startedMs }) => startedMs)) - atMs;
  }
  const since = struck.on === 'launch' ? atMs : healedMs;
  const next = recorded.eventsMs.find((eventMs) => eventMs > since);
  return next === undefined ? undefined : next - since;
}
