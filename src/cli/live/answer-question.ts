import pMap from 'p-map';
import type { ChandlerClient, RunInfo } from '../../client.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import { ChandlerError } from '../../domain/run/failure.ts';
import { RunPausedError } from '../../domain/run/server-pause.ts';
import { firstLine, isNoWorker } from '../errors.ts';
import type { LogQuestion, Question } from './due-questions.ts';
import { fetchFleet } from './followed-fleet.ts';
import { bounds } from './intervals.ts';
import { LostError, type Connection } from './keep-connected.ts';
import { isOver, type LiveEvent, type LiveRuns, type LogEvent, type Scope } from './live-runs.ts';

/** The server lists open runs first. */
const MAX_RUNS = 500;
/** The maximum number of runs to describe in one round after they stopped matching the query. */
const MAX_UNLISTED = 50;
const DESCRIBED_AT_ONCE = 8;

/** Asks a question. There is no event if the server does not answer, which the connection reports, or answers late. */
export async function answerQuestion(
  connection: Connection,
  scope: Scope,
  question: Question,
  state: LiveRuns,
): Promise<{ readonly event?: LiveEvent; readonly failed: boolean }> {
  try {
    return { event: await ask(connection, scope, question, state), failed: false };
  } catch (error) {
    if (error instanceof LostError || isLate(question, error)) return { failed: true };
    return { event: explainFailure(question, error), failed: true };
  }
}

/** Whether a busy server missed the deadline of a question that needs no worker; it is asked again. */
function isLate({ kind }: Question, error: unknown): boolean {
  return (kind === 'runs' || kind === 'progress' || kind === 'result') && isNoWorker(error);
}

async function ask(
  connection: Connection,
  scope: Scope,
  question: Question,
  state: LiveRuns,
): Promise<LiveEvent> {
  switch (question.kind) {
    case 'runs': {
      const found = await connection.ask((client) => findRuns(client, scope));
      const unlisted = unlistedRuns(state, found.runs);
      const described = await connection.ask((client) => describeAll(client, unlisted));
      return { kind: 'runs', runs: [...found.runs, ...described], more: found.more };
    }
    case 'status': {
      const { run, over } = question;
      return { kind: 'status', run, over, status: await connection.ask((client) => client.status(run)) };
    }
    case 'progress': {
      const { run } = question;
      return { kind: 'progress', run, progress: await connection.ask((client) => client.progress(run)) };
    }
    case 'result': {
      const { run } = question;
      return { kind: 'result', run, result: await connection.ask((client) => client.result(run)) };
    }
    case 'fleet':
      return { kind: 'fleet', reading: await connection.ask((client) => fetchFleet(client, question.name)) };
    case 'log':
      return readPiece(connection, question);
  }
}

/** Lists the runs of a scope. @throws WorkflowNotFoundError for an unknown id */
export async function findRuns(
  client: ChandlerClient,
  scope: Scope,
): Promise<{ readonly runs: readonly RunInfo[]; readonly more: boolean }> {
  if (scope.kind === 'ids') return { runs: await describeAll(client, scope.ids), more: false };
  const listed = await client.list({ query: scope.query, limit: MAX_RUNS });
  // The list has the latest run first, and an id may have several.
  const runs = [...new Map(listed.toReversed().map((info) => [info.id, info])).values()].toReversed();
  return { runs, more: listed.length === MAX_RUNS };
}

function describeAll(client: ChandlerClient, ids: readonly string[]): Promise<RunInfo[]> {
  return pMap(ids, (id) => client.describe(id), { concurrency: DESCRIBED_AT_ONCE });
}

/** Runs that no longer match stay visible: a retry, for example, takes a run out of `ChandlerAttention = true`. */
function unlistedRuns(state: LiveRuns, listed: readonly RunInfo[]): string[] {
  const ids = new Set(listed.map(({ id }) => id));
  return state.runs
    .filter((run) => !ids.has(run.info.id) && (!isOver(run) || isOpenStatus(run.info.status)))
    .slice(0, MAX_UNLISTED)
    .map(({ info }) => info.id);
}

async function readPiece(connection: Connection, question: LogQuestion): Promise<LogEvent> {
  const { opening, run, step, attempt, finalizer, request } = question;
  const { where, offset, maxBytes, followS } = request;
  const page = await connection.ask(
    (client) => client.readLog(run, step, { attempt, finalizer, offset, maxBytes, followS }),
    bounds.log + followS * 1000,
  );
  const { text, nextOffset, size, complete, cut = false } = page;
  const begin = offset < 0 ? Math.max(0, size + offset) : offset;
  return {
    kind: 'log',
    opening,
    read: { where, piece: { offset: begin, nextOffset, text }, size, complete, cut },
  };
}

function explainFailure(question: Question, error: unknown): LiveEvent {
  if (question.kind === 'log') {
    const isMissing = error instanceof ChandlerError && error.code === 'log-unavailable';
    const isFinal = isMissing && question.isPartOver;
    return { kind: 'log-failed', opening: question.opening, why: firstLine(error), isFinal };
  }
  if (error instanceof RunPausedError && 'run' in question) return { kind: 'held', run: question.run, error };
  if (question.kind === 'status' && isNoWorker(error)) return { kind: 'silent', run: question.run };
  return { kind: 'failed', error };
}
