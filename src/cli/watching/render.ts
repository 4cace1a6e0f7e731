import { formatDuration } from '../../domain/duration.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Paint } from '../render/paint.ts';
import { cut, wrap } from '../render/text.ts';
import { describeOrder } from './acting.ts';
import { renderHelp } from './help.ts';
import type { Dialog, State, Worded } from './model.ts';
import { renderList, titleOfList } from './render-list.ts';
import { renderLog } from './render-log.ts';
import { renderRun, titleOfRun } from './render-run.ts';
import { layoutOf, needsPerson } from './select.ts';

/** What the whole screen shows: as many lines as it has rows, none of them wider than it is. */
export function render(state: State, paint: Paint): string[] {
  const { columns, rows } = state.size;
  const title = renderTitle(state, paint);
  const foot = renderFoot(state, paint);
  if (rows < 2) return (state.dialog || state.message ? foot : [title]).slice(0, rows);
  if (rows === 2) return [title, ...foot];
  const { body } = layoutOf(state);
  // What is told in more than one row covers the last ones for as long as it is told.
  const lines = renderBody(state, paint).slice(0, body + 1 - foot.length);
  const blank = Array.from({ length: body + 1 - foot.length - lines.length }, () => '');
  return [title, ...lines, ...blank, ...foot, paint('dim', renderKeys(state, columns))];
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

function renderTitle(state: State, paint: Paint): string {
  const { columns } = state.size;
  const { lost, nowMs } = state;
  if (lost) {
    const since = new Date(lost.sinceMs).toTimeString().slice(0, 8);
    const text = `! no answer since ${since} (${formatDuration(nowMs - lost.sinceMs)}): shown is what was known then; trying again (${oneLine(lost.why)})`;
    return paint('red', cut(text, columns));
  }
  return paint('bold', cut(state.view === 'list' ? titleOfList(state) : titleOfRun(state), columns));
}

/** What is asked, or was said: whole, if there is room for it. */
function renderFoot(state: State, paint: Paint): string[] {
  const { columns, rows } = state.size;
  const { dialog, message } = state;
  if (dialog) return [paint('yellow', renderDialog(dialog, state, columns))];
  if (!message) return [''];
  const room = Math.max(1, rows - 2);
  const said = room === 1 ? [cut(message.text, columns)] : wrap(message.text, Math.max(1, columns));
  return said.slice(0, room).map((line) => paint('cyan', line));
}

/** What is typed stays in sight in a narrow terminal, and so does which keys answer. */
function renderDialog(dialog: Dialog, { filter }: State, columns: number): string {
  if (dialog.kind === 'confirm') {
    const { order } = dialog;
    const why = 'reason' in order && order.reason !== '' ? `, because: ${order.reason}` : '';
    return cut(oneLine(`[y/n] ${describeOrder(order)}${why}?`), columns);
  }
  const [question = '', text = ''] = (
    dialog.kind === 'filter'
      ? ['Show runs with (Esc: all as before)', filter]
      : [questionOf(dialog.order), dialog.text]
  ).map(oneLine);
  const begin = `${cut(question, Math.max(0, columns - Math.min(text.length + 3, Math.ceil(columns / 2))))} `;
  const room = columns - begin.length - 1;
  const typed = [...text];
  while (typed.length > 0 && cut(typed.join(''), room) !== typed.join('')) typed.shift();
  return cut(`${begin}${typed.join('')}_`, columns);
}

function questionOf(order: Worded): string {
  return order.action === 'extend'
    ? `By how much to ${describeOrder(order)}? (30m, 2h; Esc: no)`
    : `Why ${describeOrder(order)}? (Enter: go on, Esc: no)`;
}

/** The keys, as many as fit; how to get help and how to leave always do if anything does. */
function renderKeys(state: State, columns: number): string {
  const acts = ['l log', 'r retry', 's skip', 'x abort', 'p pause', 'e extend', 'a attach', 'o UI'];
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

/** True when the bell is to ring: somebody is needed who was not before. */
export function callsForPerson(before: State, after: State): boolean {
  const waiting = new Set(before.runs.filter(needsPerson).map(({ info }) => info.id));
  return before.listed && after.runs.some((run) => needsPerson(run) && !waiting.has(run.info.id));
}
