import { setTimeout as delay } from 'node:timers/promises';
import type { AimAnswer } from './ledger.ts';
import type { Stage, StageHost } from './stage.ts';
import { renderPlan, type DrawnRun } from './plans.ts';
import { poll } from '../test/support/poll.ts';

/** A line of one of Chandler's programs on the host, just before its command runs. */
export interface Window {
  /** `supervise`, or the subcommand of the host program. */
  readonly program: string;
  readonly line: number;
}

/** A wait checks for a prompt when it makes its second report. */
const SECOND_REPORT_MS = 3_000;
/** Subcommands that change nothing. */
const READERS = new Set(['log', 'state']);
/** The code before any subcommand is the same for all, so it is aimed at only once. */
const EVERY_SUBCOMMAND = 'any';

/**
 * Finds the windows of the launch protocol by tracing two runs on a host: one succeeds, one is aborted. The same programs
 * have the same windows in the same order.
 */
export async function findWindows(stage: Stage, host: StageHost): Promise<Window[]> {
  await host.run('mkdir -p /run/chaos && : >/run/chaos/trace');
  const work = { lines: 2, pauseMs: 50, failsUntil: 0, failCode: 1, padding: 0 };
  const step = { name: 'a', needs: [], work, finalizer: work, attempts: 1, backoffMs: 1 };
  const run: DrawnRun = { name: '', host: 0, steps: [step], onStepFailure: 'fail', keepSessions: 'none' };
  const start = async (name: string, lasts: number) => {
    const drawn = { ...run, name, steps: [{ ...step, work: { ...work, pauseMs: lasts } }] };
    await stage.client.start(renderPlan(drawn, host.target, stage.ledger.port), { workflowId: name });
  };
  await start('trace-1', 50);
  await stage.client.result('trace-1');
  await start('trace-2', 30_000);
  // The call that starts a step waits for its first seconds; after that a call `wait` does.
  await poll(async () => (await host.run('cat /run/chaos/trace')).includes('\nwait '), 'a wait is traced');
  await delay(SECOND_REPORT_MS);
  await stage.client.abort('trace-2');
  await stage.client.result('trace-2');
  const trace = await host.run('cat /run/chaos/trace; rm -f /run/chaos/trace');
  return windowsOf(trace);
}

/** The windows of a trace, lines `PROGRAM LINE`. */
export function windowsOf(trace: string): Window[] {
  const supervisor = new Set<number>();
  const passedBy = new Map<number, Set<string>>();
  for (const text of trace.trim().split('\n')) {
    const [program = '', number = ''] = text.split(' ');
    const line = Number(number);
    if (READERS.has(program)) continue;
    if (program === 'supervise') supervisor.add(line);
    else passedBy.set(line, (passedBy.get(line) ?? new Set()).add(program));
  }
  const subcommands = new Set([...passedBy.values()].flatMap((names) => [...names]));
  const windows = [...passedBy].flatMap(([line, names]) =>
    names.size === subcommands.size
      ? [{ program: EVERY_SUBCOMMAND, line }]
      : // `launch` waits by the same lines as `wait`.
        [...names].flatMap((program) =>
          program === 'launch' && names.has('wait') ? [] : [{ program, line }],
        ),
  );
  return [...windows, ...[...supervisor].map((line) => ({ program: 'supervise', line }))].sort(
    (a, b) => a.program.localeCompare(b.program) || a.line - b.line,
  );
}

/** The program that is stopped for a window of all subcommands. */
const stoppedIn = (program: string) => (program === EVERY_SUBCOMMAND ? 'launch' : program);

export const windowName = ({ program, line }: Window): string => `${program}:${line}`;

/** Arms windows on a host: the first program to reach one stops there and waits for `onStop`. */
export async function arm(
  stage: Stage,
  host: StageHost,
  windows: readonly Window[],
  onStop: (window: Window) => Promise<AimAnswer>,
): Promise<void> {
  const files = new Map(windows.map((window) => [`${stoppedIn(window.program)}.${window.line}`, window]));
  stage.ledger.onAim(host.sandbox.name, async ({ program, line }) => {
    const window = files.get(`${program}.${line}`);
    return window ? onStop(window) : 'go';
  });
  const names = [...files.keys()].map((name) => `/run/chaos/${name}`).join(' ');
  await host.run(`mkdir -p /run/chaos && rm -f /run/chaos/*.* && touch ${names}`);
}

export async function disarm(stage: Stage, host: StageHost): Promise<void> {
  stage.ledger.onAim(host.sandbox.name, async () => 'go');
  await host.run('rm -f /run/chaos/*.*');
}
