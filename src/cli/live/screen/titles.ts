import { formatClock, formatDuration } from '../../../domain/text/duration.ts';
import { partName } from '../../../domain/run/status.ts';
import { oneLine } from '../../../domain/text/plain-text.ts';
import { STYLES } from '../../output/render-parts.ts';
import { describeRun } from '../../output/render-table.ts';
import { formatBytes } from '../../output/text.ts';
import { isOver, type RunView } from '../live-runs.ts';
import type { LogView, State } from './model.ts';
import { needsPerson, selectedPart, selectedRun, shownRuns } from './selection.ts';

/** The title: what is shown, or that it is outdated. */
export function titleOf(state: State): string {
  const { lost, nowMs } = state;
  if (!lost) return state.view === 'list' ? titleOfList(state) : titleOfRun(state);
  const since = formatClock(lost.sinceMs);
  return `! no answer since ${since} (${formatDuration(nowMs - lost.sinceMs)}): showing what was known then; trying again (${oneLine(lost.why)})`;
}

/** `fleet web · 12 runs · 1 needs attention · 3 running · 8 over` */
function titleOfList(state: State): string {
  const { runs, filter, more } = state;
  const waiting = runs.filter(needsPerson).length;
  const over = runs.filter(isOver).length;
  const working = runs.length - waiting - over;
  const words = [
    state.scope,
    `${runs.length}${more ? ' latest' : ''} ${runs.length === 1 ? 'run' : 'runs'}`,
    ...(waiting > 0 ? [`⏸ ${waiting} ${waiting === 1 ? 'needs' : 'need'} attention`] : []),
    ...(working > 0 ? [`${working} running`] : []),
    ...(over > 0 ? [`${over} over`] : []),
    ...(filter === '' ? [] : [`${shownRuns(state).length} with "${filter}"`]),
  ];
  return oneLine(words.join(' · '));
}

function titleOfRun(state: State): string {
  const run = selectedRun(state);
  if (!run) return state.scope;
  return oneLine(run.status ? `${run.info.id} · ${describeRun(run.status, nowOf(run, state))}` : run.info.id);
}

/** The line above a log: `network (attempt 1) · ⏸ parked · 12.3 kB · following` */
export function describeLog(log: LogView, state: State): string {
  const name = partName(log.step, log.finalizer);
  const part = selectedPart(state)?.part;
  // The state of the step belongs to its latest attempt only.
  const mine = part?.attempt === log.attempt;
  const words = [
    `log of ${name} (attempt ${log.attempt}${part && !mine ? ` of ${part.attempt}` : ''})`,
    ...(part && mine ? [`${STYLES[part.state].mark} ${part.state}`] : []),
    ...(log.pieces.length > 0 ? [formatBytes(log.size), whereIn(log)] : []),
    ...(log.failure && log.pieces.length > 0 ? [`! ${log.failure.why}`] : []),
  ];
  return oneLine(words.join(' · '));
}

function whereIn(log: LogView): string {
  if (log.cut) return 'incomplete: the host could not keep the whole log (is its disk full?)';
  if (log.complete && log.below === 0) return 'the end';
  if (log.following) return 'following';
  const at = log.pieces.at(-1)?.nextOffset ?? 0;
  return `up to ${Math.min(100, Math.round((100 * at) / Math.max(1, log.size)))} %, End follows`;
}

/** The time for durations, which stops when the run is over. */
export function nowOf({ info, status }: RunView, { nowMs }: State): number {
  return info.endedAtMs ?? status?.endedAtMs ?? nowMs;
}
