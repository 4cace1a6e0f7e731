import { print, type CliContext } from '../context.ts';
import { reconnecting } from '../server/with-client.ts';
import { copyable, serverFlags, type ServerOptions } from '../server/server-options.ts';
import { runUrl } from '../server/locate-server.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { followRun } from './follow-run.ts';
import { renderEnd } from '../output/reports.ts';
import { withRun } from '../server/with-run.ts';
import { toQuery } from '../server/visibility-query.ts';
import { findRuns } from './answer-question.ts';
import type { Scope } from './live-runs.ts';
import { showOnScreen } from './screen/show-on-screen.ts';
import { watchInLines } from './watch-in-lines.ts';
import { startState } from './screen/model.ts';

export interface WatchOptions extends ServerOptions {
  readonly fleet?: string;
  readonly query?: string;
  readonly json?: boolean;
}

/** Watches runs until the user leaves, on the whole screen if there is a terminal. Returns the exit code. */
export async function runWatch(
  context: CliContext,
  ids: readonly string[],
  options: WatchOptions,
): Promise<number> {
  const scope = toScope(ids, options);
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  const [id = ''] = ids;
  if (options.runId !== undefined && ids.length !== 1)
    throw new CliError(exitCodes.usage, '--run-id is for one run: give its id, and no other');
  return withRun(options, context, id, async (client, server) => {
    // Reports wrong ids or a wrong query before the screen opens.
    await findRuns(client, scope);
    const json = options.json ?? false;
    const { keyboard } = context;
    const single = scope.kind === 'ids' && scope.ids.length === 1;
    const connect = reconnecting(options, context, id);
    if ((json || !keyboard) && single)
      return followRun(context, { client, connect, workflowId: id }, { json, wait: true }, command);
    const start = startState({
      single,
      scope: describeScope(scope, options),
      size: context.terminalSize(),
      nowMs: context.now(),
    });
    const source = { client, connect, scope };
    if (json || !keyboard) return watchInLines(context, source, json);
    const { exitCode, state } = await showOnScreen(context, {
      ...source,
      start,
      keyboard,
      urlOf: (run) => runUrl(server, run),
      flags: serverFlags(options),
    });
    const [only] = single ? state.runs : [];
    if (only?.result) print(context, ...renderEnd(only.result, only.status));
    else
      print(
        context,
        `Stopped watching; the runs continue. Watch again: ${command('watch', ...wordsOf(ids, options))}`,
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
