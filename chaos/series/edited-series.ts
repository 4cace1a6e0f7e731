import { loadPrograms } from '../../src/host/programs.ts';
import type { Window } from '../aim.ts';
import { faultKinds } from '../faults.ts';
import type { JudgedRun, Setting } from '../run.ts';
import { programKilled, type DrawnFault } from '../schedule.ts';
import { calm, type SeriesRun } from './draw-series.ts';
import { playSeries } from './play-series.ts';

/** What happens to the run of an edited plan in the middle of its changed step. */
export type Disturbance =
  | { readonly action: 'abort' | 'terminate' }
  | { readonly fault: string }
  /** The host program dies at these windows, one after another. */
  | { readonly windows: readonly Window[] };

/** Within the changed step, also on a busy machine. */
const MIDDLE_MS = 2_500;
const work = { lines: 1, pauseMs: 0, failsUntil: 0, failCode: 1, padding: 0, version: 1 };

/**
 * Plays series in parallel, one on each host: a plan runs; one of its steps is changed, and its run meets a disturbance; then the
 * plan runs twice more. `b` is changed, `c` needs it, and the others stay unchanged.
 */
export async function playEdited(
  setting: Setting,
  disturbances: Readonly<Record<string, Disturbance>>,
): Promise<Record<string, JudgedRun[]>> {
  const played = Object.entries(disturbances).map(async ([name, disturbance], host) => {
    const runs = editedSeries(name, host, disturbance);
    const faults = faultsOf(setting, disturbance);
    return [name, await playSeries(setting, runs, (run) => (run === runs[1] ? faults : []))] as const;
  });
  return Object.fromEntries(await Promise.all(played));
}

function editedSeries(plan: string, host: number, disturbance: Disturbance): SeriesRun[] {
  const runOf = (number: number, version: number): SeriesRun => {
    const step = (name: string, needs: string[] = []) => ({ name, needs, work, attempts: 20, backoffMs: 1 });
    const long = { ...work, lines: 10, pauseMs: version === 1 ? 0 : 600, version };
    const steps = [
      { ...step('a'), finalizer: work },
      { ...step('b', ['a']), work: long },
      step('c', ['b']),
      step('d'),
    ];
    return {
      name: `${plan}.${number}`,
      plan,
      host,
      steps,
      onStepFailure: 'fail',
      keepSessions: 'none',
      isCalm: false,
    };
  };
  const edited = runOf(2, 2);
  const ends = 'action' in disturbance && { action: { ...disturbance, afterMs: MIDDLE_MS } };
  return [runOf(1, 1), { ...edited, ...ends }, calm(edited, `${plan}.3`), calm(edited, `${plan}.4`)];
}

function faultsOf({ windows }: Setting, disturbance: Disturbance): DrawnFault[] {
  if ('windows' in disturbance)
    return disturbance.windows.map((window) => ({
      kind: programKilled,
      moment: { at: 'window', number: windows.indexOf(window) },
      lastsMs: 0,
      salt: 0,
    }));
  return faultKinds
    .filter(({ name }) => 'fault' in disturbance && name === disturbance.fault)
    .map((kind) => ({ kind, moment: { at: 'time', afterMs: MIDDLE_MS }, lastsMs: 0, salt: 0 }));
}

/** The windows at which a launch and its record are created. */
export function recordWindows({ windows }: Setting): Window[] {
  const lines = loadPrograms().host.text.split('\n');
  return windows.filter(
    ({ program, line }) => program === 'launch' && /record|mv -T/.test(lines[line - 1] ?? ''),
  );
}
