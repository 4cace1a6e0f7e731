import type { RunStatus } from '../../../src/domain/run/status.ts';
import type { RunInfo } from '../../../src/client.ts';
import { toKey } from '../../../src/cli/live/screen/key.ts';
import { startState, type Effect, type Event, type State } from '../../../src/cli/live/screen/model.ts';
import { update } from '../../../src/cli/live/screen/update.ts';
import { makeStatus } from '../make-status.ts';

export const NOW_MS = 12_000;

export function makeInfo(id: string, changes: Partial<RunInfo> = {}): RunInfo {
  const info = {
    runId: 'r',
    status: 'RUNNING',
    phase: 'steps',
    attention: false,
    plan: 'demo',
    startedAtMs: 0,
  };
  return { id, ...info, ...changes };
}

/** A screen after some events. */
export function makeState(events: readonly Event[], options: Partial<State> = {}): State {
  const start = startState({
    single: false,
    scope: 'all runs',
    size: { columns: 80, rows: 24 },
    nowMs: NOW_MS,
  });
  return events.reduce((state, event) => update(state, event).state, { ...start, ...options });
}

export const listed = (...runs: readonly RunInfo[]): Event => ({ kind: 'runs', runs, more: false });
export const told = (run: string, status: RunStatus = makeStatus()): Event => ({
  kind: 'status',
  run,
  status,
  over: false,
});

/** One run, of which a step needs attention. */
export function parkedRun(options: Partial<State> = {}): State {
  return makeState([listed(makeInfo('web1')), told('web1')], { single: true, view: 'run', ...options });
}

/** Presses keys: a name in brackets, or letters. `[enter]`, `ry` */
export function press(start: State, keys: string): { readonly state: State; readonly effects: Effect[] } {
  const effects: Effect[] = [];
  let state = start;
  for (const [, name, letter = ''] of keys.matchAll(/\[([a-z-]+)\]|(.)/gu)) {
    const ctrl = name?.startsWith('ctrl-') === true;
    const key =
      name === undefined
        ? toKey(letter, { name: letter.toLowerCase(), sequence: letter })
        : toKey(undefined, { name: ctrl ? name.slice(5) : name, ctrl });
    const updated = update(state, { kind: 'key', key });
    state = updated.state;
    effects.push(...updated.effects);
  }
  return { state, effects };
}
