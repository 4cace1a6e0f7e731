import { isDuration } from '../../domain/duration.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Key } from './keys.ts';
import {
  isOver,
  type Dialog,
  type Order,
  type RunView,
  type State,
  type Updated,
  type Worded,
} from './model.ts';
import { parkedParts, selectedPart, selectedRun, shownParts } from './select.ts';

const TOLD_MS = 8000;
const LONGEST_REASON = 1000;

/** Shows a line for a while. */
export function say(state: State, text: string): State {
  return { ...state, message: { text: oneLine(text), untilMs: state.nowMs + TOLD_MS } };
}

/** Begins what a person wants done: with a question, unless it does no harm. */
export function beginOrder(state: State, action: 'retry' | 'skip' | 'abort' | 'pause' | 'extend'): Updated {
  const run = selectedRun(state);
  if (!run) return still(say(state, 'There is no run yet'));
  if (isOver(run)) return still(say(state, 'The run is over'));
  const { id } = run.info;
  if (action === 'abort')
    return still(ask(state, { kind: 'text', order: { action, run: id, reason: '' }, text: '' }));
  if (action === 'pause') {
    if (!run.status) return still(say(state, 'It is not known yet where the run is'));
    return send(state, { action: run.status.paused ? 'resume' : 'pause', run: id });
  }
  if (action === 'extend') return beginExtension(state, run);
  const step = parkedStep(state, run);
  if (step.name === undefined) return still(say(state, step.whyNot));
  return still(
    action === 'retry'
      ? ask(state, { kind: 'confirm', order: { action, run: id, step: step.name } })
      : ask(state, { kind: 'text', order: { action, run: id, step: step.name, reason: '' }, text: '' }),
  );
}

/** In a dialog keys mean something else. */
export function pressInDialog(state: State, dialog: Dialog, key: Key): Updated {
  if (dialog.kind === 'filter') return still(typeFilter(state, dialog.before, key));
  const { dialog: _, ...closed } = state;
  if (key.name === 'escape') return still(say(closed, 'Nothing was done'));
  if (dialog.kind === 'confirm') {
    // A pasted text is no answer.
    if (state.pasting) return still(state);
    if (key.text === 'y' || key.text === 'Y') return send(closed, dialog.order);
    return still(key.text === 'n' || key.text === 'N' ? say(closed, 'Nothing was done') : state);
  }
  const { order, text } = dialog;
  if (key.name === 'enter' && !state.pasting) return answer(state, closed, order, text.trim());
  return still(ask(state, { ...dialog, text: type(text, key) }));
}

function answer(state: State, closed: State, order: Worded, text: string): Updated {
  if (order.action !== 'extend')
    return still(ask(state, { kind: 'confirm', order: { ...order, reason: text } }));
  if (isDuration(text)) return send(closed, { ...order, by: text });
  const why =
    text === '' ? 'Nothing was done' : `"${text}" is no time: write 90s, 30m or 2h. Nothing was done`;
  return still(say(closed, why));
}

/** What is about to be done. */
export function describeOrder(order: Order): string {
  if (order.action === 'extend') return `give ${order.step} of ${order.run} more time`;
  return 'step' in order ? `${order.action} ${order.step} of ${order.run}` : `${order.action} ${order.run}`;
}

function ask(state: State, dialog: Dialog): State {
  return { ...state, dialog };
}

function send(state: State, order: Order): Updated {
  return { state: say(state, `${describeOrder(order)} …`), effects: [{ kind: 'order', order }] };
}

/** What runs, under the cursor or first, gets more time. */
function beginExtension(state: State, run: RunView): Updated {
  const row =
    state.view === 'list'
      ? shownParts(run).find(({ part }) => part.state === 'running')
      : selectedPart(state);
  if (!row) return still(say(state, `No step of ${run.info.id} runs`));
  const order = { action: 'extend', run: run.info.id, step: row.step, by: '' } as const;
  return still(ask(state, { kind: 'text', order, text: '' }));
}

/** The step under the cursor if it waits for a person; in the list of runs the first one of the run that does. */
function parkedStep(
  state: State,
  run: RunView,
): { readonly name: string } | { readonly name: undefined; readonly whyNot: string } {
  const row = state.view === 'list' ? parkedParts(run)[0] : selectedPart(state);
  if (!row) return { name: undefined, whyNot: `No step of ${run.info.id} waits for a person` };
  if (row.part.state !== 'parked')
    return { name: undefined, whyNot: `${row.name} is ${row.part.state}, not parked` };
  return { name: row.step };
}

function typeFilter(state: State, before: string, key: Key): State {
  const { dialog: _, ...closed } = state;
  if (key.name === 'escape') return { ...closed, filter: before };
  if (key.name === 'enter' && !state.pasting) return closed;
  return { ...state, filter: type(state.filter, key) };
}

function type(text: string, key: Key): string {
  if (key.name === 'backspace') return [...text].slice(0, -1).join('');
  if (key.name === 'ctrl-u') return '';
  // What is pasted may have several lines.
  const more = key.name === 'enter' ? ' ' : key.text;
  return (text + more).slice(0, LONGEST_REASON);
}

function still(state: State): Updated {
  return { state, effects: [] };
}
