import type { Window } from './aim.ts';
import { faultKinds, type FaultKind } from './faults.ts';
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
const ARMED_AT_MOST = 3;

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
      const aimed = taken.map(({ window }) => aim(setting, programKilled, window));
      for (const run of await playRun(setting, cuts ? cutRun(name, host) : sweptRun(name, host), aimed))
        violations.push(...run.violations.map((violation) => ({ ...violation, run: name })));
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

/** Kills the worker in the middle of each activity: when the host program is at what the activity asks for. */
export async function killWorkersDuring(setting: Setting, programs: readonly string[]): Promise<Swept> {
  const kind = faultKinds.find(({ name }) => name === 'worker SIGKILL')!;
  const targets = programs.map((program) => setting.windows.find((window) => window.program === program)!);
  const before = setting.struck.length;
  const { hosts } = setting.stage;
  const lanes = hosts.map(async (_, host) => {
    const found: (Violation & { run: string })[] = [];
    for (let i = host; i < targets.length; i += hosts.length) {
      const name = `worker-killed-${programs[i]}`;
      // A kill comes only after something has been cut short.
      const cut = setting.windows.find(({ program }) => program === 'supervise')!;
      const faults = [
        aim(setting, kind, targets[i]!),
        ...(programs[i] === 'kill' ? [aim(setting, programKilled, cut)] : []),
      ];
      for (const run of await playRun(setting, sweptRun(name, host), faults))
        found.push(...run.violations.map((violation) => ({ ...violation, run: name })));
    }
    return found;
  });
  const violations = (await Promise.all(lanes)).flat();
  const struck = setting.struck
    .slice(before)
    .flatMap(({ window, kind }) => (window && kind === 'worker SIGKILL' ? [window] : []));
  return { violations, struck, missed: targets.filter((window) => !struck.includes(window)) };
}

function aim({ windows }: Setting, kind: FaultKind, window: Window): DrawnFault {
  return { kind, moment: { at: 'window', number: windows.indexOf(window) }, lastsMs: 0, salt: 0 };
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

/** Steps side by side, a finalizer, and tries enough to outlive every death. */
function sweptRun(name: string, host: number): DrawnRun {
  const steps = [step('a', { finalizer: work }), ...['b', 'c', 'd', 'e'].map((name) => step(name))];
  return { name, host, steps, onStepFailure: 'fail', keepSessions: 'none' };
}

/** Steps that take longer than they may, so that they are killed. */
function cutRun(name: string, host: number): DrawnRun {
  const hanging = { work: { ...work, pauseMs: 60_000 }, attempts: 1, timeoutMs: 300 };
  const steps = ['a', 'b', 'c', 'd', 'e'].map((name) => step(name, hanging));
  return { name, host, steps, onStepFailure: 'continue', keepSessions: 'none' };
}
