import { actionsByKey } from '../../../domain/run/actions.ts';
import { exitCodeOf, exitCodes, type ExitCode } from '../../exit-codes.ts';
import type { PartRow } from '../../output/render-parts.ts';
import { beginAction, pressInDialog } from './action-dialog.ts';
import { showMessage } from './show-message.ts';
import type { Key } from './key.ts';
import { openLog, scrollLog } from './log-view.ts';
import { isOver, type RunView } from '../live-runs.ts';
import { withoutEffects, type Effect, type State, type Updated } from './model.ts';
import { layoutOf, logSize } from './layout.ts';
import { rowKey, selectedPart, selectedRun, shownParts, shownRuns } from './selection.ts';

export function pressKey(state: State, key: Key): Updated {
  switch (key.name) {
    case 'ctrl-c':
      return { state, effects: [{ kind: 'leave', exitCode: exitCodes.interrupted }] };
    case 'ctrl-z':
      return { state, effects: [{ kind: 'suspend' }] };
    case 'ctrl-l':
      return { state, effects: [{ kind: 'redraw' }] };
    case 'paste-start':
    case 'paste-end':
      return withoutEffects({ ...state, pasting: key.name === 'paste-start' });
  }
  if (state.dialog) return pressInDialog(state, state.dialog, key);
  // A text that is pasted by mistake must not act as keys.
  if (state.pasting) return withoutEffects(state);
  if (state.help) return withoutEffects({ ...state, help: false });
  return press(state, key.name);
}

function press(state: State, name: string): Updated {
  if (actionsByKey.has(name)) return beginAction(state, name);
  switch (name) {
    case 'q':
      return { state, effects: [{ kind: 'leave', exitCode: exitCodeNow(state) }] };
    case '?':
      return withoutEffects({ ...state, help: true });
    case 'l':
      return withoutEffects(openSelectedLog(state));
    case 'a':
      return attach(state);
    case 'o':
      return withRun(state, (run) => [{ kind: 'show-url', run: run.info.id }]);
    case '/':
      return withoutEffects(
        state.view === 'list'
          ? { ...state, dialog: { kind: 'filter', before: state.filter } }
          : showMessage(state, 'Only the list of runs can be filtered'),
      );
    case 'enter':
      return withoutEffects(enter(state));
    case 'escape':
      return withoutEffects(goBack(state));
    default:
      return withoutEffects(move(state, name));
  }
}

export function openLogOf(state: State, run: RunView, { step, finalizer, part }: PartRow): State {
  const { attempt } = part;
  const log = openLog({ run: run.info.id, step, finalizer, attempt }, (state.log?.opening ?? 0) + 1);
  const back = state.view === 'log' ? state.back : state.view;
  return { ...state, view: 'log', back, run: run.info.id, part: rowKey({ step, finalizer }), log };
}

function openSelectedLog(state: State): State {
  const run = selectedRun(state);
  const parts = shownParts(run);
  const row =
    state.view === 'list'
      ? (parts.find(({ part }) => part.state === 'parked' || part.state === 'running') ?? parts[0])
      : selectedPart(state);
  if (!run || !row) return showMessage(state, 'The steps of the run are not known yet');
  return row.part.attempt === 0 ? showMessage(state, whyNotStarted(run, row)) : openLogOf(state, run, row);
}

function attach(state: State): Updated {
  const row = selectedPart(state);
  return withRun(state, (run) => {
    if (!row) return 'The steps of the run are not known yet';
    if (row.finalizer) return 'A finalizer has no session to attach to';
    if (row.part.attempt === 0) return whyNotStarted(run, row);
    return [{ kind: 'attach', run: run.info.id, step: row.step }];
  });
}

function whyNotStarted(run: RunView, { name, part: { state } }: PartRow): string {
  switch (state) {
    case 'satisfied':
      return `${name} was never started: its check found it satisfied`;
    case 'unchanged':
      return `${name} is unchanged, so this run did not start it`;
    case 'skipped':
    case 'blocked':
      return `${name} is ${state} and was never started`;
    default:
      return isOver(run) ? `${name} was never started` : `${name} has not started yet`;
  }
}

function withRun(state: State, act: (run: RunView) => readonly Effect[] | string): Updated {
  const run = selectedRun(state);
  const effects = run ? act(run) : 'There is no run yet';
  return typeof effects === 'string' ? withoutEffects(showMessage(state, effects)) : { state, effects };
}

function enter(state: State): State {
  if (state.view === 'run') return openSelectedLog(state);
  const run = selectedRun(state);
  if (state.view === 'log' || !run) return state;
  const { part: _, ...rest } = state;
  return { ...rest, view: 'run', run: run.info.id };
}

function goBack(state: State): State {
  if (state.view === 'log') return { ...state, view: state.back };
  if (state.view === 'list') return { ...state, filter: '' };
  return state.single ? showMessage(state, 'q leaves; the run continues') : { ...state, view: 'list' };
}

function move(state: State, name: string): State {
  if (state.view === 'log') return moveInLog(state, name);
  const page = Math.max(1, (state.view === 'list' ? layoutOf(state).list : layoutOf(state).body) - 1);
  if (state.view === 'list') {
    const ids = shownRuns(state).map(({ info }) => info.id);
    const id = ids[moved(ids.indexOf(selectedRun(state)?.info.id ?? ''), ids.length, name, page)];
    return id === undefined ? state : { ...state, run: id };
  }
  const keys = shownParts(selectedRun(state)).map(rowKey);
  const row = selectedPart(state);
  const key = keys[moved(row ? keys.indexOf(rowKey(row)) : 0, keys.length, name, page)];
  return key === undefined ? state : { ...state, part: key };
}

/** The index after a key that moves the cursor; -1 for other keys. */
function moved(index: number, count: number, name: string, page: number): number {
  const to = { up: index - 1, down: index + 1, pageup: index - page, pagedown: index + page }[name];
  if (name === 'home' || name === 'g') return 0;
  if (name === 'end' || name === 'G') return count - 1;
  return to === undefined ? -1 : Math.max(0, Math.min(count - 1, to));
}

function moveInLog(state: State, name: string): State {
  const { log } = state;
  if (!log) return state;
  const { columns, rows } = logSize(state);
  const page = Math.max(1, rows - 1);
  const by = { up: -1, down: 1, pageup: -page, pagedown: page }[name];
  if (by !== undefined) return { ...state, log: scrollLog(log, by, columns, rows) };
  const atStart = log.pieces[0]?.offset === 0;
  if (name === 'home' || name === 'g') {
    return {
      ...state,
      log: atStart ? scrollLog(log, -Infinity, columns, rows) : openLog(log, log.opening + 1, 'start'),
    };
  }
  if (name !== 'end' && name !== 'G') return state;
  const hasEnd = (log.pieces.at(-1)?.nextOffset ?? 0) >= log.size;
  return { ...state, log: hasEnd ? scrollLog(log, Infinity, columns, rows) : openLog(log, log.opening + 1) };
}

/** The exit code when the user leaves: that of the run if there is only one and it is over. */
function exitCodeNow(state: State): ExitCode {
  const result = state.single ? state.runs[0]?.result : undefined;
  return result ? exitCodeOf(result) : exitCodes.provisioned;
}
