import { setTimeout as delay } from 'node:timers/promises';
import { arm, disarm, type Window } from './aim.ts';
import { groupBy } from './group.ts';
import type { Violation } from './invariants.ts';
import type { DrawnNext, DrawnRun, DrawnStep } from './plans.ts';
import { playRun, type Setting } from './run.ts';
import { faultKinds } from './faults.ts';
import { programKilled, type DrawnFault } from './schedule.ts';

/** The result of striking windows one after another. */
export interface Swept {
  readonly violations: readonly (Violation & { readonly run: string })[];
  readonly struck: readonly Window[];
  /** Windows that no program reached. */
  readonly missed: readonly Window[];
}

/** Deaths per run: each costs a retry. A run calls most subcommands once. */
const PER_PROGRAM: Readonly<Record<string, number>> = {
  supervise: 8,
  launch: 9,
  wait: 6,
  kill: 9,
  close: 6,
  any: 3,
};
const ELSEWHERE = 2;
/** Subcommands that are called only by runs that end early. */
const ONLY_CUT: ReadonlySet<string> = new Set(['kill', 'close', 'release']);
const ARMED_AT_MOST = 5;
/** Each pause of the longest step: it is waited for after its start has been answered, and that wait has progress to report. */
const LONG_MS = 2_700;
const LONGEST_MS = 10_000;

/** Kills the program on the host once at each of these windows of the launch protocol, several windows in each run. */
export async function sweepWindows(setting: Setting, windows: readonly Window[]): Promise<Swept> {
  const queue = windows.map((window) => ({ window, armed: 0 }));
  const violations: (Violation & { run: string })[] = [];
  const missed: Window[] = [];
  let number = 0;
  const take = (cuts: boolean) =>
    [...groupBy(queue, ({ window }) => window.program)].flatMap(([program, of]) =>
      ONLY_CUT.has(program) === cuts ? of.slice(0, PER_PROGRAM[program] ?? ELSEWHERE) : [],
    );
  const lane = async (host: number): Promise<void> => {
    while (queue.length > 0) {
      // Every third run kills a lot.
      const cuts = (number += 1) % 3 === 0 ? take(true).length > 0 : take(false).length === 0;
      const taken = take(cuts);
      for (const item of taken) queue.splice(queue.indexOf(item), 1);
      const name = `sweep-${number}`;
      const aimed = taken.map(({ window }) => aim(setting, window));
      // Missed windows get more time.
      const longMs = Math.min(LONGEST_MS, LONG_MS * 3 ** Math.max(0, ...taken.map(({ armed }) => armed)));
      const run = cuts ? cutRun(name, host) : sweptRun(name, host, longMs);
      for (const judged of await playRun(setting, run, aimed))
        violations.push(...judged.violations.map((violation) => ({ ...violation, run: name })));
      const hit = new Set(setting.struck.filter(({ run }) => run === name).map(({ window }) => window));
      for (const { window, armed } of taken.filter((item) => !hit.has(item.window))) {
        if (armed + 1 < ARMED_AT_MOST) queue.push({ window, armed: armed + 1 });
        else missed.push(window);
      }
    }
  };
  await Promise.all(setting.stage.hosts.map((_, host) => lane(host)));
  return { violations, missed, struck: setting.struck.flatMap(({ window }) => window ?? []) };
}

/**
 * Kills all workers at the same moment, while each host runs the program of a different activity; then starts them again.
 * `programs` names these programs, one per host.
 */
export async function killWorkersDuring(setting: Setting, programs: readonly string[]): Promise<Swept> {
  const { stage, windows } = setting;
  // The host program ends with the dispatch to its subcommands, so every call passes this line; whether it passes others may
  // depend on how long the step takes.
  const lastOf = (program: string) => windows.findLast((window) => window.program === program)!;
  const reached: Window[] = [];
  const again = new AbortController();
  const lanes = programs.map(async (program, index) => {
    const host = stage.hosts[index]!;
    const window = lastOf(program);
    await arm(stage, host, [window], async () => {
      reached.push(window);
      // Programs on the hosts wait until the workers are dead; they don't notice the deaths.
      await delay(MEETING_MS, undefined, { signal: again.signal }).catch(() => undefined);
      return 'go';
    });
    const name = `worker-killed-${program}`;
    const judged = await playRun(setting, sweptRun(name, index), []);
    await disarm(stage, host);
    return judged.flatMap(({ violations }) => violations.map((violation) => ({ ...violation, run: name })));
  });
  const meeting = Date.now() + MEETING_MS;
  while (reached.length < programs.length && Date.now() < meeting) await delay(20);
  for (const worker of stage.workers) worker.signal('SIGKILL');
  await Promise.all(stage.workers.map((worker) => worker.gone()));
  again.abort();
  await Promise.all(stage.workers.map((worker) => worker.start('own')));
  const violations = (await Promise.all(lanes)).flat();
  const missed = programs.map(lastOf);
  return { violations, struck: reached, missed: missed.filter((window) => !reached.includes(window)) };
}

/**
 * Plays runs in parallel, one on each host: one for each kind of fault, which strikes in the middle of its step, and one for
 * each way to follow a run that is terminated in the middle of its step; every second one of these is also deleted.
 * Returns the violations and the kinds that struck.
 */
export async function strikeSteps(
  setting: Setting,
  kinds: readonly string[],
  nexts: readonly DrawnNext[],
): Promise<Pick<Swept, 'violations'> & { readonly kinds: readonly string[] }> {
  const struckRuns = kinds.map((name, host) => ({
    run: middleRun(`struck-${host}`, host),
    faults: faultKinds
      .filter((kind) => kind.name === name)
      .map((kind): DrawnFault => ({
        kind,
        moment: { at: 'time', afterMs: MIDDLE_MS },
        lastsMs: 1500,
        salt: 0,
      })),
  }));
  const endedRuns = nexts.map((next, i) => ({
    run: {
      ...middleRun(`terminated-${next}`, kinds.length + i),
      action: { action: 'terminate' as const, afterMs: MIDDLE_MS },
      next,
      ...(i % 2 === 1 && { isDeleted: true as const }),
    },
    faults: [],
  }));
  const lanes = [...struckRuns, ...endedRuns].map(async ({ run, faults }) => {
    const judged = await playRun(setting, run, faults);
    return judged.flatMap(({ evidence, violations }) =>
      violations.map((violation) => ({ ...violation, run: evidence.drawn.name })),
    );
  });
  const violations = (await Promise.all(lanes)).flat();
  return {
    violations,
    kinds: setting.struck.filter(({ run }) => run.startsWith('struck-')).map(({ kind }) => kind),
  };
}

/** Less than a program waits for a response, and than an activity may take. */
const MEETING_MS = 50_000;

function aim({ windows }: Setting, window: Window): DrawnFault {
  return {
    kind: programKilled,
    moment: { at: 'window', number: windows.indexOf(window) },
    lastsMs: 0,
    salt: 0,
  };
}

const work = { lines: 2, pauseMs: 50, failsUntil: 0, failCode: 1, padding: 0 };
const step = (name: string, changes: Partial<DrawnStep> = {}): DrawnStep => ({
  name,
  needs: [],
  work,
  attempts: 20,
  backoffMs: 1,
  ...changes,
});

/** Parallel steps, one long enough to report progress, a finalizer, and enough attempts to survive every death. */
function sweptRun(name: string, host: number, longMs = LONG_MS): DrawnRun {
  const long = step('e', { work: { ...work, pauseMs: longMs } });
  const steps = [step('a', { finalizer: work }), ...['b', 'c', 'd'].map((name) => step(name)), long];
  return { name, host, steps, onStepFailure: 'fail', keepSessions: 'none' };
}

const MIDDLE_MS = 2_500;

/** One step of some seconds, and a finalizer. */
function middleRun(name: string, host: number): DrawnRun {
  const steps = [step('a', { work: { ...work, lines: 4, pauseMs: 1_500 }, finalizer: work, attempts: 2 })];
  return { name, host, steps, onStepFailure: 'fail', keepSessions: 'none' };
}

/** Steps that exceed their timeout and are killed. */
function cutRun(name: string, host: number): DrawnRun {
  const hanging = { work: { ...work, pauseMs: 60_000 }, attempts: 1, timeoutMs: 300 };
  const steps = ['a', 'b', 'c', 'd', 'e'].map((name) => step(name, hanging));
  return { name, host, steps, onStepFailure: 'continue', keepSessions: 'none' };
}
