import { nextRequest, type LogRequest } from './log.ts';
import { logSize } from './select.ts';
import { listParts } from '../../domain/status.ts';
import { isOver, type LogView, type RunView, type State } from './model.ts';

/** Something to find out. */
export type Question =
  | { readonly kind: 'runs' }
  | { readonly kind: 'status'; readonly run: string; readonly over: boolean }
  | { readonly kind: 'progress'; readonly run: string }
  | { readonly kind: 'result'; readonly run: string }
  | { readonly kind: 'log'; readonly log: LogView; readonly request: LogRequest };

/** When a question was last asked, by its key. */
export interface Asked {
  readonly inFlight: boolean;
  /** When its last answer came. */
  readonly answeredAtMs: number;
  readonly failed: boolean;
}

/** The runs to ask now: one of them often, the others less. */
export interface Interest {
  readonly focus: RunView | undefined;
  readonly others: readonly RunView[];
  readonly othersEveryMs: number;
}

const RUNS_EVERY_MS = 2000;
const FOCUS_EVERY_MS = 300;
/** Progress comes with heartbeats, which are slower. */
const PROGRESS_EVERY_MS = 1000;
const LOG_EVERY_MS = 100;
/** What failed, and runs that no worker answers for, which take an answer's whole time. */
const FAILED_EVERY_MS = 2000;
const SILENT_EVERY_MS = 10_000;
/** Of the others; those that were silent must not take the place of those that answer. */
const AT_ONCE = 16;
const SILENT_AT_ONCE = 2;

/** What is to be asked now. Nobody is asked twice at once, and nobody while the server does not answer. */
export function dueQuestions(
  state: State,
  { focus, others, othersEveryMs }: Interest,
  asked: ReadonlyMap<string, Asked>,
): Question[] {
  if (state.lost) return [];
  const due = (question: Question, everyMs: number) =>
    isDue(asked.get(keyOf(question)), everyMs, state.nowMs);
  const questions: Question[] = [];
  const ask = (question: Question, everyMs: number) => {
    if (due(question, everyMs)) questions.push(question);
  };
  ask({ kind: 'runs' }, RUNS_EVERY_MS);
  if (focus) {
    if (!focus.final)
      ask(statusOf(focus), focus.silentSinceMs === undefined ? FOCUS_EVERY_MS : FAILED_EVERY_MS);
    const works = focus.status && listParts(focus.status).some(({ part }) => part.state === 'running');
    if (works && !isOver(focus)) ask({ kind: 'progress', run: focus.info.id }, PROGRESS_EVERY_MS);
    if (isOver(focus) && !focus.result) ask({ kind: 'result', run: focus.info.id }, FOCUS_EVERY_MS);
  }
  questions.push(
    ...dueOthers(
      others.filter((run) => run !== focus && !run.final),
      due,
      othersEveryMs,
      asked,
    ),
  );
  const { log } = state;
  const { columns, rows } = logSize(state);
  const request = state.view === 'log' && log ? nextRequest(log, columns, rows) : undefined;
  if (log && request) ask({ kind: 'log', log, request }, LOG_EVERY_MS);
  return questions;
}

/** A status of those that wait longest, as many as may be asked at once. */
function dueOthers(
  others: readonly RunView[],
  due: (question: Question, everyMs: number) => boolean,
  everyMs: number,
  asked: ReadonlyMap<string, Asked>,
): Question[] {
  const last = (run: RunView) => asked.get(keyOf(statusOf(run)));
  const underWay = others.filter((run) => last(run)?.inFlight);
  const waiting = others.toSorted((a, b) => (last(a)?.answeredAtMs ?? 0) - (last(b)?.answeredAtMs ?? 0));
  const silent = waiting
    .filter((run) => isSilent(run) && due(statusOf(run), SILENT_EVERY_MS))
    .slice(0, Math.max(0, SILENT_AT_ONCE - underWay.filter(isSilent).length));
  const heard = waiting
    .filter((run) => !isSilent(run) && due(statusOf(run), everyMs))
    .slice(0, Math.max(0, AT_ONCE - underWay.filter((run) => !isSilent(run)).length));
  return [...heard, ...silent].map(statusOf);
}

/** Two questions of one key are never asked at once. */
export function keyOf(question: Question): string {
  switch (question.kind) {
    case 'runs':
      return 'runs';
    case 'log':
      // Another opening does not wait for an answer that nobody wants any more.
      return `log ${question.log.opening}`;
    case 'status':
    case 'progress':
    case 'result':
      return `${question.kind} ${question.run}`;
  }
}

function statusOf(run: RunView): Question {
  return { kind: 'status', run: run.info.id, over: isOver(run) };
}

function isDue(asked: Asked | undefined, everyMs: number, nowMs: number): boolean {
  if (!asked) return true;
  if (asked.inFlight) return false;
  return nowMs - asked.answeredAtMs >= (asked.failed ? Math.max(FAILED_EVERY_MS, everyMs) : everyMs);
}

function isSilent(run: RunView): boolean {
  return run.silentSinceMs !== undefined;
}
