import type { LogQuestion } from '../due-questions.ts';
import { intervals } from '../intervals.ts';
import { nextRequest } from './log-view.ts';
import { logSize } from './layout.ts';
import type { LogFailure, State } from './model.ts';
import { isLogPartOver, selectedRun } from './selection.ts';

/**
 * What to read next of the open log; undefined for nothing. Each request starts a workflow, so none is sent while no worker
 * answers, or if it would fail again.
 */
export function logQuestion(state: State): LogQuestion | undefined {
  const { view, log } = state;
  if (view !== 'log' || !log || log.failure?.isFinal || selectedRun(state)?.silentSinceMs !== undefined)
    return undefined;
  const { columns, rows } = logSize(state);
  const request = nextRequest(log, columns, rows);
  if (!request) return undefined;
  const { opening, run, step, finalizer, attempt, failure } = log;
  const everyMs = failure ? logRetryMs(failure) : intervals.log;
  const isPartOver = isLogPartOver(state);
  return { kind: 'log', opening, run, step, finalizer, attempt, request, isPartOver, everyMs };
}

/** The pause before a log is read again; it doubles with each failure. */
export function logRetryMs({ count }: Pick<LogFailure, 'count'>): number {
  return Math.min(intervals.logRetry, intervals.failed * 2 ** (count - 1));
}
