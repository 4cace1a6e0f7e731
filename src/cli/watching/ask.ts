import { randomUUID } from 'node:crypto';
import type { ChandlerClient } from '../../client.ts';
import type { RunStatus } from '../../domain/status.ts';
import { explainError, isNoWorker } from '../errors.ts';
import type { RunInfo } from '../render/runs.ts';
import { describeRuns, listRuns } from '../runs.ts';
import { readProgress } from '../look.ts';
import { LostError, type Connection } from './connection.ts';
import { isOver, type Event, type Order, type State } from './model.ts';
import type { Question } from './questions.ts';

/** What is watched: runs that were named, or those that a visibility query finds. */
export type Scope =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'query'; readonly query: string };

/** More than anybody looks at; the engine lists those first that are not over. */
const MOST_RUNS = 500;
/** Of runs that are listed no more, one round looks at so many. */
const MOST_UNLISTED = 50;
/** To read a log takes a worker and a host, beside the time that it waits for more. */
const LOG_MS = 15_000;

export interface Answer {
  readonly events: readonly Event[];
  readonly failed: boolean;
}

/** Asks, and tells the answer as events. That the server does not answer is told by the connection itself. */
export async function answer(
  connection: Connection,
  scope: Scope,
  question: Question,
  state: State,
): Promise<Answer> {
  try {
    return { events: [await find(connection, scope, question, state)], failed: false };
  } catch (error) {
    if (error instanceof LostError) return { events: [], failed: true };
    return { events: [explainFailure(question, error)], failed: true };
  }
}

async function find(connection: Connection, scope: Scope, question: Question, state: State): Promise<Event> {
  switch (question.kind) {
    case 'runs': {
      const found = await connection.ask((client) => findRuns(client, scope));
      const unlisted = unlistedRuns(state, found.runs);
      const described = await connection.ask((client) => describeRuns(client, unlisted));
      return { kind: 'runs', runs: [...found.runs, ...described], more: found.more };
    }
    case 'status': {
      const { run, over } = question;
      return { kind: 'status', run, over, status: await connection.ask((client) => client.status(run)) };
    }
    case 'progress': {
      const { run } = question;
      const known = state.runs.find(({ info }) => info.id === run);
      const status = known?.status ?? (await connection.ask((client) => client.status(run)));
      const progress = await connection.ask((client) =>
        readProgress(client, run, status, known?.progress ?? []),
      );
      return { kind: 'progress', run, progress };
    }
    case 'result':
      return {
        kind: 'result',
        run: question.run,
        result: await connection.ask((client) => client.result(question.run)),
      };
    case 'log':
      return readPiece(connection, question);
  }
}

/** The runs of a scope as the engine has them. @throws WorkflowNotFoundError for an id that no run has */
export async function findRuns(
  client: ChandlerClient,
  scope: Scope,
): Promise<{ readonly runs: readonly RunInfo[]; readonly more: boolean }> {
  if (scope.kind === 'ids') return { runs: await describeRuns(client, scope.ids), more: false };
  const listed = await listRuns(client, scope.query, MOST_RUNS);
  // An id may have had several runs; the list has the latest first.
  const runs = [...new Map(listed.toReversed().map((info) => [info.id, info])).values()].toReversed();
  return { runs, more: listed.length === MOST_RUNS };
}

/** Runs that matched once and do no more, a retry takes them out of `ChandlerAttention = true`, are still shown. */
function unlistedRuns(state: State, listed: readonly RunInfo[]): string[] {
  const ids = new Set(listed.map(({ id }) => id));
  return state.runs
    .filter((run) => !ids.has(run.info.id) && (!isOver(run) || run.info.status === 'RUNNING'))
    .slice(0, MOST_UNLISTED)
    .map(({ info }) => info.id);
}

async function readPiece(
  connection: Connection,
  { log, request }: Extract<Question, { kind: 'log' }>,
): Promise<Event> {
  const { where, offset, maxBytes, followS } = request;
  const { generation, finalizer } = log;
  const page = await connection.ask(
    (client) => client.readLog(log.run, log.step, { generation, finalizer, offset, maxBytes, followS }),
    LOG_MS + followS * 1000,
  );
  const { text, nextOffset, size, complete, cut = false } = page;
  const begin = offset < 0 ? Math.max(0, size + offset) : offset;
  const piece = { offset: begin, nextOffset, text };
  return { kind: 'log', opening: log.opening, read: { where, piece, size, complete, cut } };
}

/** Has an order carried out; refusals are told, too. */
export async function carryOut(connection: Connection, order: Order): Promise<Event> {
  try {
    return { kind: 'ordered', order, status: await connection.ask((client) => send(client, order)) };
  } catch (error) {
    if (error instanceof LostError) {
      const what = error.sent ? 'see what has come of it before you try again' : 'nothing was sent';
      return { kind: 'told', text: `The server does not answer: ${what}` };
    }
    return { kind: 'told', text: `Refused: ${firstLine(error)}` };
  }
}

function send(client: ChandlerClient, order: Order): Promise<RunStatus> {
  const requestId = randomUUID();
  switch (order.action) {
    case 'retry':
      return client.retry(order.run, { step: order.step, requestId });
    case 'skip':
      return client.skip(order.run, { step: order.step, requestId, ...withReason(order) });
    case 'abort':
      return client.abort(order.run, { requestId, ...withReason(order) });
    case 'extend':
      return client.extendTimeout(order.run, { step: order.step, by: order.by, requestId });
    case 'pause':
    case 'resume':
      return client[order.action](order.run, { requestId });
  }
}

function withReason({ reason }: { readonly reason: string }): { reason?: string } {
  return reason === '' ? {} : { reason };
}

function explainFailure(question: Question, error: unknown): Event {
  if (question.kind === 'log')
    return { kind: 'log-failed', opening: question.log.opening, why: firstLine(error) };
  if (question.kind === 'status' && isNoWorker(error)) return { kind: 'silent', run: question.run };
  return { kind: 'told', text: firstLine(error) };
}

function firstLine(error: unknown): string {
  return explainError(error).text.split('\n', 1)[0] ?? '';
}
