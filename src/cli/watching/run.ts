import { reasonOf } from '../../domain/failure.ts';
import { print, type CliContext } from '../context.ts';
import {
  connectTo,
  copyable,
  engineFlags,
  findEngine,
  runUrl,
  withClient,
  type EngineOptions,
} from '../engine.ts';
import { CliError, isInvalidArgument } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { followRun } from '../follow.ts';
import { renderEnd } from '../render/reports.ts';
import { toQuery } from '../runs.ts';
import { findRuns, type Scope } from './ask.ts';
import { watchOnScreen } from './full-screen.ts';
import { watchInLines } from './lines.ts';
import { startState } from './model.ts';

export interface WatchOptions extends EngineOptions {
  readonly fleet?: string;
  readonly query?: string;
  readonly json?: boolean;
}

/** Watches runs until they are left, on the whole screen if there is one; answers the exit code. */
export async function runWatch(
  context: CliContext,
  ids: readonly string[],
  options: WatchOptions,
): Promise<number> {
  const scope = toScope(ids, options);
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  return withClient(options, context, async (client, engine) => {
    // What is wrong with the ids or the query is told before anything is shown.
    await findRuns(client, scope).catch((error: unknown) => {
      if (!isInvalidArgument(error)) throw error;
      throw new CliError(exitCodes.usage, `the server does not take that query: ${reasonOf(error)}`, {
        cause: error,
      });
    });
    const json = options.json ?? false;
    const { keyboard } = context;
    const [id] = ids;
    const single = scope.kind === 'ids' && scope.ids.length === 1;
    if ((json || !keyboard) && single && id !== undefined)
      return followRun(context, client, id, { json, wait: true }, command);
    const start = startState({
      single,
      scope: describeScope(scope, options),
      size: context.terminalSize(),
      nowMs: context.now(),
    });
    // The address is looked for again: a server that is started anew may have another.
    const connect = async () => connectTo(await findEngine(options, context), context);
    const deps = { client, connect, scope, start };
    if (json || !keyboard) return watchInLines(context, { ...deps, json });
    const { exitCode, state } = await watchOnScreen(context, {
      ...deps,
      keyboard,
      urlOf: (run) => runUrl(engine, run),
      flags: engineFlags(options),
    });
    const [only] = single ? state.runs : [];
    if (only?.result) print(context, ...renderEnd(only.result, only.status));
    else
      print(
        context,
        `Not watching any more; what runs goes on. Watch again: ${command('watch', ...wordsOf(ids, options))}`,
      );
    return exitCode;
  });
}

function toScope(ids: readonly string[], options: WatchOptions): Scope {
  if (ids.length === 0) return { kind: 'query', query: toQuery(options) };
  if (options.fleet !== undefined || options.query !== undefined)
    throw new CliError(exitCodes.usage, 'give ids of runs, or --fleet and --query; not both');
  return { kind: 'ids', ids: [...new Set(ids)] };
}

function describeScope(scope: Scope, { fleet, query }: WatchOptions): string {
  if (scope.kind === 'ids') return scope.ids.length === 1 ? (scope.ids[0] ?? '') : 'chosen runs';
  const words = [...(fleet === undefined ? [] : [`fleet ${fleet}`]), ...(query === undefined ? [] : [query])];
  return words.length === 0 ? 'all runs' : words.join(' · ');
}

function wordsOf(ids: readonly string[], { fleet, query }: WatchOptions): string[] {
  return [
    ...ids,
    ...(fleet === undefined ? [] : ['--fleet', fleet]),
    ...(query === undefined ? [] : ['--query', query]),
  ];
}
