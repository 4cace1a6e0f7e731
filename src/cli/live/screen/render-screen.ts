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
import { layoutOf, titleRows } from './layout.ts';
import { needsPerson } from './selection.ts';

/** What the whole screen shows: as many lines as it has rows, none of them wider than it is. */
export function render(state: State, paint: Paint): string[] {
  const { columns, rows } = state.size;
  const title = renderTitle(state, paint);
  const foot = renderFoot(state, paint);
  if (rows < 2) return (state.dialog || state.message ? foot : title).slice(0, rows);
  if (rows === 2) return [...title, ...foot];
  const { body } = layoutOf(state);
  // What is told in more than one row covers the last ones for as long as it is told.
  const lines = renderBody(state, paint).slice(0, body + 1 - foot.length);
  const blank = Array.from({ length: body + 1 - foot.length - lines.length }, () => '');
  return [...title, ...lines, ...blank, ...foot, paint('dim', renderKeys(state, columns))];
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

/** What is asked, or was reported: whole, if there is room for it. */
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

/** What is typed stays in sight, and so does which keys answer. */
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

/** The question, and what has been typed if it asks for a text. */
function wordsOf(dialog: Dialog, { filter }: State): readonly [question: string, typed?: string] {
  if (dialog.kind === 'filter') return ['Show runs with (Esc: all as before)', oneLine(filter)];
  const { request } = dialog;
  const { reason } = request.input;
  const { prompt } = actions[request.name];
  if (dialog.kind === 'text')
    return [oneLine(prompt?.question(subjectOf(request)) ?? ''), oneLine(dialog.text)];
  return [oneLine(`[y/n] ${describeRequest(request)}${reason === undefined ? '' : `, because: ${reason}`}?`)];
}

const ACTION_KEYS = [...actionsByKey].map(([key, [name]]) => `${key} ${name && actions[name].command}`);

/** The keys, as many as fit; how to get help and how to leave always do if anything does. */
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

/** True when a run newly needs attention, so the bell rings. */
export function callsForPerson(before: State, after: State): boolean {
  const waiting = new Set(before.runs.filter(needsPerson).map(({ info }) => info.id));
  return before.listed && after.runs.some((run) => needsPerson(run) && !waiting.has(run.info.id));
}
