import { formatDuration } from '../../../domain/text/duration.ts';
import { oneLine } from '../../../domain/text/plain-text.ts';
import type { Paint } from '../../output/paint.ts';
import { wrapIndented } from '../../output/text.ts';
import { logHeadRows, logSize } from './layout.ts';
import { logRows } from './log-view.ts';
import type { LogFailure, State } from './model.ts';
import { logRetryMs } from './log-question.ts';
import { selectedPart, selectedRun } from './selection.ts';

/** Renders the window on a log, below lines that name the log and the position. */
export function renderLog(state: State, paint: Paint): string[] {
  const { log } = state;
  if (!log) return [];
  const { columns, rows } = logSize(state);
  const all = logRows(log, columns);
  const end = all.length - Math.min(log.below, Math.max(0, all.length - rows));
  const shown = all.slice(Math.max(0, end - rows), end);
  const head = logHeadRows(state).map((line) => paint('bold', line));
  if (shown.length > 0) return [...head, ...shown];
  const why = whyEmpty(state).flatMap((text) => wrapIndented(`  ${oneLine(text)}`, columns, '  '));
  return [...head, ...why.slice(0, rows).map((line) => paint('dim', line))];
}

function whyEmpty(state: State): string[] {
  const { log, nowMs } = state;
  if (log && log.pieces.length > 0) return ['Nothing printed yet'];
  if (selectedRun(state)?.silentSinceMs !== undefined)
    return ['No worker answers for this run. The log is read as soon as one does.'];
  const failure = log?.failure;
  if (!failure) return ['Asking the host …'];
  const own = selectedPart(state)?.part.failure;
  return [
    `${failure.why}.`,
    failure.isFinal ? 'It is asked for again once the step is started again.' : retryNote(failure, nowMs),
    ...(own ? ['', `${own.code}: ${own.message}`, own.advice] : []),
  ];
}

function retryNote(failure: LogFailure, nowMs: number): string {
  const leftMs = failure.atMs + logRetryMs(failure) - nowMs;
  return leftMs > 0 ? `Asking again in ${formatDuration(leftMs)}` : 'Asking again …';
}
