import { oneLine } from '../../domain/terminal.ts';
import type { Paint } from '../render/paint.ts';
import { LOOKS } from '../render/parts.ts';
import { cut, formatBytes } from '../render/text.ts';
import { logRows } from './log.ts';
import type { LogView, State } from './model.ts';
import { logSize, selectedPart } from './select.ts';

/** The window on a log, below a line that says which and where in it. */
export function renderLog(state: State, paint: Paint): string[] {
  const { log } = state;
  if (!log) return [];
  const { columns, rows } = logSize(state);
  const all = logRows(log, columns);
  const end = all.length - Math.min(log.below, Math.max(0, all.length - rows));
  const shown = all.slice(Math.max(0, end - rows), end);
  const head = paint('bold', cut(describeLog(log, state), columns));
  return [head, ...(shown.length === 0 ? [paint('dim', cut(whyEmpty(log), columns))] : shown)];
}

/** `network (try 1) · ⏸ parked · 12.3 kB · following` */
function describeLog(log: LogView, state: State): string {
  const name = log.finalizer ? `${log.step} (finalizer)` : log.step;
  const part = selectedPart(state)?.part;
  // The log of an earlier try is not that of the state that the step is in now.
  const mine = part?.generation === log.generation;
  const words = [
    `log of ${name} (try ${log.generation}${part && !mine ? ` of ${part.generation}` : ''})`,
    ...(part && mine ? [`${LOOKS[part.state].mark} ${part.state}`] : []),
    ...(log.pieces.length > 0 ? [formatBytes(log.size), whereIn(log)] : []),
    ...(log.failure === undefined ? [] : [`! ${log.failure}`]),
  ];
  return oneLine(words.join(' · '));
}

function whereIn(log: LogView): string {
  if (log.cut) return 'not whole: the host could not keep all of it (is its disk full?)';
  if (log.complete && log.below === 0) return 'the end';
  if (log.following) return 'following';
  const at = log.pieces.at(-1)?.nextOffset ?? 0;
  return `up to ${Math.min(100, Math.round((100 * at) / Math.max(1, log.size)))} %, End follows`;
}

function whyEmpty(log: LogView): string {
  if (log.failure !== undefined) return '  Asking again …';
  return log.pieces.length === 0 ? '  Asking the host …' : '  Nothing printed yet';
}
