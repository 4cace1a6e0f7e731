import { describeDone } from '../describe-done.ts';
import type { RunInfo } from '../render/runs.ts';
import { say } from './acting.ts';
import { addToLog } from './log.ts';
import { isOver, type Event, type RunView, type State, type Updated } from './model.ts';
import { openLogOf, pressKey } from './press.ts';
import { logSize, rowKey, shownParts } from './select.ts';

/** What becomes of the screen when something happens, and what is to be done about it. */
export function update(state: State, event: Event): Updated {
  if (event.kind === 'key') return pressKey(state, event.key);
  return { state: learn(state, event), effects: [] };
}

function learn(state: State, event: Exclude<Event, { kind: 'key' }>): State {
  switch (event.kind) {
    case 'tick':
      return tick(state, event.nowMs);
    case 'resized':
      return { ...state, size: event.size };
    case 'runs':
      return { ...state, runs: merge(state.runs, event.runs), listed: true, more: event.more };
    case 'status': {
      const { status, over } = event;
      return followLaunch(withRun(state, event.run, (run) => ({ ...heard(run), status, final: over })));
    }
    case 'silent':
      return withRun(state, event.run, (run) => ({
        ...run,
        silentSinceMs: run.silentSinceMs ?? state.nowMs,
      }));
    case 'progress':
      return withRun(state, event.run, (run) => ({ ...run, progress: event.progress }));
    case 'result':
      return withRun(state, event.run, (run) => ({ ...run, result: event.result }));
    case 'log': {
      const { log } = state;
      if (!log || log.opening !== event.opening) return state;
      const { columns, rows } = logSize(state);
      return { ...state, log: addToLog(log, event.read, columns, rows) };
    }
    case 'log-failed':
      return state.log?.opening === event.opening
        ? { ...state, log: { ...state.log, failure: event.why } }
        : state;
    case 'ordered': {
      const { order, status } = event;
      const changed = withRun(state, order.run, (run) => ({ ...run, status, final: false }));
      return followLaunch(say(changed, describeDone(order)));
    }
    case 'told':
      return say(state, event.text);
    case 'lost':
      return { ...state, lost: { sinceMs: state.lost?.sinceMs ?? state.nowMs, why: event.why } };
    case 'found': {
      const { lost: _, ...rest } = state;
      // What came of an order matters more.
      return state.message ? rest : say(rest, 'The server answers again');
    }
  }
}

function tick(state: State, nowMs: number): State {
  const { message, ...rest } = state;
  return message && message.untilMs > nowMs ? { ...state, nowMs } : { ...rest, nowMs };
}

/** What the engine lists, over what is known: runs that it lists no more stay. */
function merge(known: readonly RunView[], listed: readonly RunInfo[]): RunView[] {
  const infos = new Map(listed.map((info) => [info.id, info]));
  const kept = known.map((run): RunView => {
    const info = infos.get(run.info.id);
    infos.delete(run.info.id);
    if (!info) return run;
    // Another run under the same id.
    return info.startedAtMs === run.info.startedAtMs ? { ...run, info } : newRun(info);
  });
  return [...kept, ...[...infos.values()].map(newRun)];
}

function newRun(info: RunInfo): RunView {
  return { info, progress: [], final: false };
}

/** A run that a worker has answered for. */
function heard(run: RunView): RunView {
  const { silentSinceMs: _, ...rest } = run;
  return rest;
}

function withRun(state: State, id: string, change: (run: RunView) => RunView): State {
  return { ...state, runs: state.runs.map((run) => (run.info.id === id ? change(run) : run)) };
}

/** Whoever follows a log wants the next try's when there is one. */
function followLaunch(state: State): State {
  const { log, view } = state;
  if (view !== 'log' || !log?.following) return state;
  const run = state.runs.find(({ info }) => info.id === log.run);
  const row = shownParts(run).find((row) => rowKey(row) === rowKey(log));
  if (!run || !row || row.part.generation <= log.generation || isOver(run)) return state;
  return openLogOf(state, run, row);
}
