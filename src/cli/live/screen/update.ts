import { actions } from '../../../domain/run/actions.ts';
import { showMessage } from './show-message.ts';
import { addToLog } from './log-view.ts';
import { firstLine } from '../../errors.ts';
import { applyEvent, changeRun, isOver, type LiveEvent } from '../live-runs.ts';
import { withoutEffects, type Event, type LogView, type State, type Updated } from './model.ts';
import { openLogOf, pressKey } from './press-key.ts';
import { logSize } from './layout.ts';
import { rowKey, shownParts } from './selection.ts';

export function update(state: State, event: Event): Updated {
  if (event.kind === 'key') return pressKey(state, event.key);
  return withoutEffects(learn(state, event));
}

function learn(state: State, event: Exclude<Event, { kind: 'key' }>): State {
  switch (event.kind) {
    case 'tick':
      return tick(state, event);
    case 'resized':
      return { ...state, size: event.size };
    case 'log': {
      const { log } = state;
      if (!log || log.opening !== event.opening) return state;
      const { columns, rows } = logSize(state);
      return { ...state, log: addToLog(log, event.read, columns, rows) };
    }
    case 'log-failed':
      return state.log?.opening === event.opening ? withLogFailure(state, state.log, event) : state;
    case 'accepted': {
      const { request, status } = event;
      const changed = changeRun(state, request.run, (run) => ({ ...run, status, final: false }));
      return followLaunch(showMessage(changed, actions[request.name].outcome(request.input, status)));
    }
    case 'message':
      return showMessage(state, event.text);
    case 'status':
      return followLaunch(applyEvent(state, event));
    case 'failed':
      return showMessage(state, firstLine(event.error));
    case 'found': {
      const found = applyEvent(state, event);
      // Keeps a message about an action, which matters more.
      return state.message ? found : showMessage(found, 'The server answers again');
    }
    default:
      return applyEvent(state, event);
  }
}

function withLogFailure(
  state: State,
  log: LogView,
  { why, isFinal }: Extract<Event, { kind: 'log-failed' }>,
): State {
  const count = (log.failure?.count ?? 0) + 1;
  const failure = { why, isFinal, count, atMs: state.nowMs };
  return { ...state, log: { ...log, failure } };
}

/** A message disappears after its time. */
function tick(state: State, event: LiveEvent & { readonly kind: 'tick' }): State {
  const { message, ...rest } = applyEvent(state, event);
  return message && message.untilMs > event.nowMs ? { ...rest, message } : rest;
}

/** When a followed log is over, opens that of the next attempt. */
function followLaunch(state: State): State {
  const { log, view } = state;
  if (view !== 'log' || !log?.following) return state;
  const run = state.runs.find(({ info }) => info.id === log.run);
  const row = shownParts(run).find((row) => rowKey(row) === rowKey(log));
  if (!run || !row || row.part.attempt <= log.attempt || isOver(run)) return state;
  return openLogOf(state, run, row);
}
