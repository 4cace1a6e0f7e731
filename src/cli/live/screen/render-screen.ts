import { actions, actionsByKey } from '../../../domain/run/actions.ts';
import { oneLine } from '../../../domain/text/plain-text.ts';
import type { Paint } from '../../output/paint.ts';
import { cut, wrap, wrapWords } from '../../output/text.ts';
import { describeRequest, subjectOf } from './action-dialog.ts';
import { renderHelp } from './render-help.ts';
import type { Dialog, State } from './model.ts';
import { renderList } from './render-list.ts';
import { renderLog } from './render-log.ts';
import { renderRun } from './render-run.ts';
import { fleetRows, layoutOf, titleRows } from './layout.ts';
import { needsPerson } from './selection.ts';

/** Renders the whole screen: exactly as many lines as it has rows, none wider than it is. */
export function render(state: State, paint: Paint): string[] {
  const { columns, rows } = state.size;
  const title = renderTitle(state, paint);
  const foot = renderFoot(state, paint);
  if (rows < 2) return (state.dialog || state.message ? foot : title).slice(0, rows);
  if (rows === 2) return [...title, ...foot];
  const { body } = layoutOf(state);
  // A message of several rows covers the last rows while it is shown.
  const lines = renderBody(state, paint).slice(0, body + 1 - foot.length);
  const blank = Array.from({ length: body + 1 - foot.length - lines.length }, () => '');
  return [
    ...title,
    ...fleetRows(state, paint),
    ...lines,
    ...blank,
    ...foot,
    paint('dim', renderKeys(state, columns)),
  ];
}

function renderBody(state: State, paint: Paint): string[] {
  if (state.help) return renderHelp(state.size.columns, paint);
  switch (state.view) {
    case 'list':
      return renderList(state, paint);
    case 'run':
      return renderRun(state, paint);
    case 'log':
      return renderLog(state, paint);
  }
}

function renderTitle(state: State, paint: Paint): string[] {
  return titleRows(state).map((line) => paint(state.lost ? 'red' : 'bold', line));
}

/** Renders the question or message at the bottom, completely if there is room. */
function renderFoot(state: State, paint: Paint): string[] {
  const { columns, rows } = state.size;
  const { dialog, message } = state;
  const room = Math.max(1, rows - 2);
  if (dialog) {
    const asked = wrapWords(renderDialog(dialog, state), columns);
    const lines = asked.length <= room ? asked : [renderDialogInLine(dialog, state)];
    return lines.map((line) => paint('yellow', line));
  }
  if (!message) return [''];
  const text = room === 1 ? [cut(message.text, columns)] : wrap(message.text, Math.max(1, columns));
  return text.slice(0, room).map((line) => paint('cyan', line));
}

function renderDialog(dialog: Dialog, state: State): string {
  const [question, typed] = wordsOf(dialog, state);
  return typed === undefined ? question : `${question} ${typed}_`;
}

/** Cuts the question first, so that the typed text and the keys stay visible. */
function renderDialogInLine(dialog: Dialog, state: State): string {
  const { columns } = state.size;
  const [question, text] = wordsOf(dialog, state);
  if (text === undefined) return cut(question, columns);
  const begin = `${cut(question, Math.max(0, columns - Math.min(text.length + 3, Math.ceil(columns / 2))))} `;
  const room = columns - begin.length - 1;
  const typed = [...text];
  while (typed.length > 0 && cut(typed.join(''), room) !== typed.join('')) typed.shift();
  return cut(`${begin}${typed.join('')}_`, columns);
}

/** The question, and the typed text if it asks for one. */
function wordsOf(dialog: Dialog, { filter }: State): readonly [question: string, typed?: string] {
  if (dialog.kind === 'filter') return ['Show only runs with (Esc: undo)', oneLine(filter)];
  const { request } = dialog;
  const { reason } = request.input;
  const { prompt } = actions[request.name];
  if (dialog.kind === 'text')
    return [oneLine(prompt?.question(subjectOf(request)) ?? ''), oneLine(dialog.text)];
  return [oneLine(`[y/n] ${describeRequest(request)}${reason === undefined ? '' : `, because: ${reason}`}?`)];
}

const ACTION_KEYS = [...actionsByKey].map(([key, [name]]) => `${key} ${name && actions[name].command}`);

/** Renders as many keys as fit; those for help and for leaving come first. */
function renderKeys(state: State, columns: number): string {
  const acts = ['l log', ...ACTION_KEYS, 'a attach', 'o UI'];
  const keys = {
    list: ['Enter open', ...acts, '/ filter'],
    run: state.single ? acts : ['Esc back', ...acts],
    log: ['Esc back', 'PgUp earlier', 'End follow', ...acts.slice(1)],
  }[state.view];
  const always = '? help  q leave';
  const shown: string[] = [];
  for (const key of keys) {
    if ([...shown, key, always].join('  ').length > columns) break;
    shown.push(key);
  }
  return cut([...shown, always].join('  '), columns);
}

/** Whether another run needs attention since the previous state, so that the bell must ring. */
export function callsForPerson(before: State, after: State): boolean {
  const waiting = new Set(before.runs.filter(needsPerson).map(({ info }) => info.id));
  return before.listed && after.runs.some((run) => needsPerson(run) && !waiting.has(run.info.id));
}
