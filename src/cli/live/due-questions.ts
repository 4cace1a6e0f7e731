import { listParts } from '../../domain/run/status.ts';
import { intervals } from './intervals.ts';
import { isOver, type LiveRuns, type RunView } from './live-runs.ts';

export type Question =
  | { readonly kind: 'runs' }
  | { readonly kind: 'fleet'; readonly name: string }
  | { readonly kind: 'status'; readonly run: string; readonly over: boolean }
  | { readonly kind: 'progress'; readonly run: string }
  | { readonly kind: 'result'; readonly run: string }
  | LogQuestion;

export interface LogQuestion {
  readonly kind: 'log';
  /** Identifies this opening of the log; answers to earlier openings are dropped. */
  readonly opening: number;
  readonly run: string;
  readonly step: string;
  readonly finalizer: boolean;
  readonly attempt: number;
  readonly request: LogPieceRequest;
  /** True if the part starts no further launch unless an operator runs it again. */
  readonly isPartOver: boolean;
  readonly everyMs: number;
}

/** The piece of a log to read, as `readLog` of the client accepts it. */
export interface LogPieceRequest {
  readonly where: 'first' | 'earlier' | 'later';
  readonly offset: number;
  readonly maxBytes: number;
  readonly followS: number;
}

export interface Asked {
  readonly inFlight: boolean;
  readonly answeredAtMs: number;
  readonly failed: boolean;
}

/** What a view shows now: one run is asked often, the others less often. */
export interface Interest {
  readonly focus: RunView | undefined;
  readonly others: readonly RunView[];
  readonly othersEveryMs: number;
  readonly fleet?: string | undefined;
  readonly log?: LogQuestion | undefined;
}

const MAX_CONCURRENT = 16;
/** Requests to runs without a worker take long, and must not block those that answer. */
const MAX_CONCURRENT_SILENT = 2;

/** The questions to ask now. None is in flight twice, and none is asked while the server does not answer. */
export function dueQuestions(
  { lost, nowMs }: Pick<LiveRuns, 'lost' | 'nowMs'>,
  { focus, others, othersEveryMs, fleet, log }: Interest,
  asked: ReadonlyMap<string, Asked>,
): Question[] {
  if (lost) return [];
  const isDue = (question: Question, everyMs: number) => isDueAt(asked.get(keyOf(question)), everyMs, nowMs);
  const questions: Question[] = [];
  const ask = (question: Question, everyMs: number) => {
    if (isDue(question, everyMs)) questions.push(question);
  };
  ask({ kind: 'runs' }, intervals.list);
  if (fleet !== undefined) ask({ kind: 'fleet', name: fleet }, intervals.fleet);
  if (focus) {
    const run = focus.info.id;
    if (!focus.final) ask(statusOf(focus), isSilent(focus) ? intervals.failed : intervals.focus);
    const works = focus.status && listParts(focus.status).some(({ part }) => part.state === 'running');
    if (works && !isOver(focus)) ask({ kind: 'progress', run }, intervals.progress);
    if (isOver(focus) && !focus.result) ask({ kind: 'result', run }, intervals.focus);
  }
  const rest = others.filter((run) => run !== focus && !run.final);
  questions.push(...dueOthers(rest, isDue, othersEveryMs, asked));
  if (log) ask(log, log.everyMs);
  return questions;
}

/** Asks first those runs that have waited longest. */
function dueOthers(
  others: readonly RunView[],
  isDue: (question: Question, everyMs: number) => boolean,
  everyMs: number,
  asked: ReadonlyMap<string, Asked>,
): Question[] {
  const last = (run: RunView) => asked.get(keyOf(statusOf(run)));
  const inFlight = others.filter((run) => last(run)?.inFlight);
  const waiting = others.toSorted((a, b) => (last(a)?.answeredAtMs ?? 0) - (last(b)?.answeredAtMs ?? 0));
  const silent = waiting
    .filter((run) => isSilent(run) && isDue(statusOf(run), intervals.silent))
    .slice(0, Math.max(0, MAX_CONCURRENT_SILENT - inFlight.filter(isSilent).length));
  const heard = waiting
    .filter((run) => !isSilent(run) && isDue(statusOf(run), everyMs))
    .slice(0, Math.max(0, MAX_CONCURRENT - inFlight.filter((run) => !isSilent(run)).length));
  return [...heard, ...silent].map(statusOf);
}

/** Identifies a question; two with the same key are never in flight at once. */
export function keyOf(question: Question): string {
  switch (question.kind) {
    case 'runs':
    case 'fleet':
      return question.kind;
    case 'log':
      return `log ${question.opening}`;
    case 'status':
    case 'progress':
    case 'result':
      return `${question.kind} ${question.run}`;
  }
}

function statusOf(run: RunView): Question {
  return { kind: 'status', run: run.info.id, over: isOver(run) };
}

function isDueAt(asked: Asked | undefined, everyMs: number, nowMs: number): boolean {
  if (!asked) return true;
  if (asked.inFlight) return false;
  return nowMs - asked.answeredAtMs >= (asked.failed ? Math.max(intervals.failed, everyMs) : everyMs);
}

function isSilent(run: RunView): boolean {
  return run.silentSinceMs !== undefined;
}
