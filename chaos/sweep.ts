import { setTimeout as delay } from 'node:timers/promises';
import { arm, disarm, type Window } from './aim.ts';
import { groupBy } from './group.ts';
import type { Violation } from './invariants.ts';
import type { DrawnRun, DrawnStep } from './plans.ts';
import { playRun, type Setting } from './run.ts';
import { programKilled, type DrawnFault } from './schedule.ts';

/** What came of striking windows one after another. */
export interface Swept {
  readonly violations: readonly (Violation & { readonly run: string })[];
  readonly struck: readonly Window[];
  /** Windows that no program came to, however often they were armed. */
  readonly missed: readonly Window[];
}

/** What one run can bear without waiting long: each death costs a retry. Most subcommands are asked once for a run. */
const PER_PROGRAM: Readonly<Record<string, number>> = {
  supervise: 8,
  start: 6,
  create: 6,
  wait: 6,
  kill: 9,
  close: 6,
  any: 3,
};
const ELSEWHERE = 2;
const ARMED_AT_MOST = 5;
/** What the longest step pauses for, so that its wait has progress to tell. */
const LONG_MS = 300;
const LONGEST_MS = 2_700;

/** Kills the program on the host once at every window of the launch protocol, several windows in each run. */
export async function sweepWindows(setting: Setting): Promise<Swept> {
  const queue = setting.windows.map((window) => ({ window, armed: 0 }));
  const violations: (Violation & { run: string })[] = [];
  const missed: Window[] = [];
  let number = 0;
  const take = (cuts: boolean) =>
    [...groupBy(queue, ({ window }) => window.program)].flatMap(([program, of]) =>
      (program === 'kill') === cuts ? of.slice(0, PER_PROGRAM[program] ?? ELSEWHERE) : [],
    );
  const lane = async (host: number): Promise<void> => {
    while (queue.length > 0) {
      // Every third run is one in which much is killed.
      const cuts = (number += 1) % 3 === 0 ? take(true).length > 0 : take(false).length === 0;
      const taken = take(cuts);
      for (const item of taken) queue.splice(queue.indexOf(item), 1);
      const name = `sweep-${number}`;
      const aimed = taken.map(({ window }) => aim(setting, window));
      // What was missed for want of time gets more of it.
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
 * Kills every worker at the same moment, while each host is at what another activity asks for; then starts them again.
 * `programs` names what the hosts are at, one for each.
 */
export async function killWorkersDuring(setting: Setting, programs: readonly string[]): Promise<Swept> {
  const { stage, windows } = setting;
  const reached: Window[] = [];
  const again = new AbortController();
  const lanes = programs.map(async (program, index) => {
    const host = stage.hosts[index]!;
    const window = windows.find((window) => window.program === program)!;
    await arm(stage, host, [window], async () => {
      reached.push(window);
      // Nothing goes on before the workers are dead; a program on the host does not notice that they are.
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
  const missed = programs.flatMap((program) => windows.find((window) => window.program === program) ?? []);
  return { violations, struck: reached, missed: missed.filter((window) => !reached.includes(window)) };
}

/** Under the time that a program waits for an answer, and that an activity may take. */
const MEETING_MS = 30_000;

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

/** Steps side by side, one of them so long that its wait has progress to tell, a finalizer, and tries enough to outlive every death. */
function sweptRun(name: string, host: number, longMs = LONG_MS): DrawnRun {
  const long = step('e', { work: { ...work, pauseMs: longMs } });
  const steps = [step('a', { finalizer: work }), ...['b', 'c', 'd'].map((name) => step(name)), long];
  return { name, host, steps, onStepFailure: 'fail', keepSessions: 'none' };
}

/** Steps that take longer than they may, so that they are killed. */
function cutRun(name: string, host: number): DrawnRun {
  const hanging = { work: { ...work, pauseMs: 60_000 }, attempts: 1, timeoutMs: 300 };
  const steps = ['a', 'b', 'c', 'd', 'e'].map((name) => step(name, hanging));
  return { name, host, steps, onStepFailure: 'continue', keepSessions: 'none' };
}
