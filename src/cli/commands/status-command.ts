import type { Command } from 'commander';
import type { ChandlerClient, RunLeftovers, RunResult } from '../../client.ts';
import { describeFailedTask } from '../output/describe-failed-task.ts';
import { fitAdvice } from '../../domain/run/advice.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { isCutOff, isOpenStatus } from '../../domain/run/execution-status.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { cleanWords } from '../../domain/run/leftovers.ts';
import type { RunPausedError } from '../../domain/run/server-pause.ts';
import { isFullyParked, type RunStatus } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { reconnecting, withClient } from '../server/with-client.ts';
import { CliError, explainError } from '../errors.ts';
import { exitCodeOf, exitCodes, type ExitCode } from '../exit-codes.ts';
import { followRun, type FollowOptions } from '../live/follow-run.ts';
import { printJson } from '../output/print-json.ts';
import { renderLeftovers, toJson } from '../output/render-leftovers.ts';
import { colored, plain } from '../output/paint.ts';
import { renderEnd, renderHeld, renderAuditTrail, renderParked, type ToCommand } from '../output/reports.ts';
import { describeRunInfo, renderRuns } from '../output/render-runs.ts';
import { renderTable } from '../output/render-table.ts';
import { withRun, withRunIdOption } from '../server/with-run.ts';
import { ofId, toQuery } from '../server/visibility-query.ts';
import { observeRun } from '../server/observe-run.ts';
import { type Act, describeServerCommand } from './act.ts';
import { FOLLOW_EXITS, withFollowOptions } from './up-command.ts';

interface StatusOptions extends ServerOptions, FollowOptions {
  readonly watch?: boolean;
  readonly exitCode?: boolean;
  readonly fleet?: string;
  readonly query?: string;
}

const MAX_RUNS = 100;

export function addStatus(program: Command, act: Act): void {
  const status = program
    .command('status')
    .argument('[id]', 'of the run; without it all runs are listed')
    .option('-w, --watch', 'with an id: follow it live')
    .option('--exit-code', "with an id: exit as `up` would: with the run's own code")
    .option('--fleet <name>', 'list the runs of a fleet')
    .option('--query <query>', 'list the runs that a visibility query of Temporal finds')
    .action(
      act.untilStopped((context, id: string | undefined, options: StatusOptions) =>
        id === undefined ? showRuns(context, options) : showRun(context, id, options),
      ),
    );
  withFollowOptions(withRunIdOption(status), {
    json: 'as JSON; with --watch an object a line for each change',
  });
  describeServerCommand(status, {
    group: 'Watch and inspect:',
    summary: 'show a run, or list the runs',
    about: `With an id: where the run is, step by step; what failed and what you can do about it; how it ended. Without one: the latest 100 runs, or those that --fleet or --query finds; runs that need attention are marked.

Showing a run succeeds whatever its state, so the exit code is 0 also for a run that failed or is parked. With --exit-code it is the code that \`up\` would exit with now; 0 also means that the run is at work.`,
    examples: {
      'chandler status': 'All runs.',
      'chandler status --fleet web': 'The runs of a fleet.',
      'chandler status provision:10.0.0.7:22': 'One run.',
      'chandler status provision:10.0.0.7:22 --run-id 0b7f5c3e-5d1c-4f6a-9d3e-2a1f6c7d8e90':
        'An earlier run on that host.',
      'chandler status provision:10.0.0.7:22 --watch': 'Follow it live; Ctrl-C leaves it.',
      'chandler status provision:10.0.0.7:22 --exit-code --quiet > /dev/null': '3 if it needs attention.',
      "chandler status --json | jq '.[] | select(.attention) | .id'":
        'The ids of the runs that need attention.',
    },
    exits: {
      ...FOLLOW_EXITS,
      provisioned: 'it was shown; with --watch or --exit-code: the host is provisioned (or the run at work)',
      failed: 'no worker answers; with --watch or --exit-code: the run failed',
      parked: 'with --watch or --exit-code: a step needs attention',
      aborted: 'with --watch or --exit-code: the run was aborted',
    },
    seeAlso: ['watch', 'up', 'logs', 'retry', 'skip', 'abort'],
  });
}

function showRun(context: CliContext, id: string, options: StatusOptions): Promise<number> {
  if (options.fleet !== undefined || options.query !== undefined)
    throw new CliError(exitCodes.usage, 'either the id of a run, or --fleet or --query, not both');
  return withRun(options, context, id, (client) => printRun(context, client, id, options));
}

async function printRun(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  options: StatusOptions,
): Promise<number> {
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  if (options.watch) {
    const source = { client, workflowId: id, connect: reconnecting(options, context, id) };
    return followRun(context, source, options, command);
  }
  const { status: execution, runId, failedTask } = await client.describe(id);
  const isOver = !isOpenStatus(execution);
  const observation = await observeRun(client, id);
  if (observation.kind === 'held') return printPaused(context, id, observation.error, options, command);
  const status = observation.kind === 'status' ? observation.status : undefined;
  const result = isOver ? await client.result(id) : undefined;
  if (!status && !result) {
    const text = failedTask
      ? describeFailedTask(failedTask)
      : `no worker answers for this run; start one: ${command('worker')}`;
    throw new CliError(exitCodes.failed, text, { code: 'no-worker' });
  }
  const cutOff = isCutOff(execution);
  if (cutOff && status) fitAdvice(status, { terminated: true });
  const found = cutOff ? await findLeftovers(client, id, observation.kind === 'silent') : undefined;
  const exitCode = options.exitCode ? codeOf(status, result) : exitCodes.provisioned;
  if (options.json) {
    const left =
      found &&
      ('unknown' in found ? { leftoversUnknown: found.unknown } : { leftovers: found.leftovers.map(toJson) });
    if (status) printJson(context.stdout, { id, runId, ...status, ...(result && { result }), ...left });
    else if (result) printJson(context.stdout, { id, runId, result, ...left });
    return exitCode;
  }
  if (status) {
    const paint = context.color ? colored : plain;
    const progress = isOver ? [] : await client.progress(id);
    const size = { columns: columnsOf(context), maxRows: Infinity };
    print(context, ...renderTable(status, progress, { ...size, nowMs: context.now(), paint }));
    print(context, ...renderAuditTrail(status));
    if (status.attention && !isOver) {
      print(context, '', ...renderParked(id, status, command));
    }
  }
  if (result) print(context, '', ...renderEnd(result, status));
  if (found) {
    const target = 'unknown' in found ? undefined : found.target;
    const clean = target ? command(...cleanWords(target, '--end')) : '';
    print(
      context,
      ...renderLeftovers(target ? addressOf(target) : (status?.host ?? 'its host'), found, clean),
    );
  }
  await offerOthers(context, client, { id, runId, options });
  return exitCode;
}

const MAX_OTHERS = 5;

async function offerOthers(
  context: CliContext,
  client: ChandlerClient,
  shown: { readonly id: string; readonly runId: string; readonly options: StatusOptions },
): Promise<void> {
  const { id, runId, options } = shown;
  const found = await client.list({ query: ofId(id), limit: MAX_OTHERS + 1 });
  const others = found.filter((run) => run.runId !== runId).slice(0, MAX_OTHERS);
  if (others.length === 0) return;
  const lines = others.map((run) => {
    const ago = `${formatDuration(context.now() - run.startedAtMs)} ago`;
    return `  ${describeRunInfo(run)}, started ${ago}: ${copyable(context, { ...options, runId: run.runId }, 'status', id)}`;
  });
  print(context, '', 'Other runs of this id:', ...lines);
}

function printPaused(
  context: CliContext,
  id: string,
  error: RunPausedError,
  { json = false }: StatusOptions,
  command: ToCommand,
): ExitCode {
  if (json) printJson(context.stdout, { id, serverPause: error.pause, known: error.known });
  else print(context, ...renderHeld(id, error, command));
  return exitCodes.provisioned;
}

/** Long enough for a worker to begin and for the host to answer. */
const LEFTOVERS_MS = 20_000;

async function findLeftovers(
  client: ChandlerClient,
  id: string,
  silent: boolean,
): Promise<RunLeftovers | { readonly unknown: string }> {
  if (silent) return { unknown: 'no worker answers for this run' };
  try {
    return await client.leftovers(id, { signal: AbortSignal.timeout(LEFTOVERS_MS) });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      return { unknown: `the host did not answer within ${LEFTOVERS_MS / 1000} s` };
    return { unknown: oneLine(explainError(error).text) };
  }
}

/** Without a terminal, lines have no maximum length. */
function columnsOf({ isTty, terminalSize }: CliContext): number {
  return isTty ? terminalSize().columns : Infinity;
}

/** The exit code that following the run would have now, also if the run is still open. */
function codeOf(status: RunStatus | undefined, result: RunResult | undefined): ExitCode {
  if (result) return exitCodeOf(result);
  return status && isFullyParked(status) ? exitCodes.parked : exitCodes.provisioned;
}

function showRuns(context: CliContext, options: StatusOptions): Promise<number> {
  if (options.runId !== undefined)
    throw new CliError(exitCodes.usage, '--run-id is for one run: give its id, too');
  if (options.watch || options.exitCode) {
    const text = `--watch and --exit-code are for one run: ${context.program} status ID; many are shown live by ${context.program} watch`;
    throw new CliError(exitCodes.usage, text);
  }
  return withClient(options, context, (client) => printRuns(context, client, options));
}

async function printRuns(
  context: CliContext,
  client: ChandlerClient,
  { json = false, ...options }: StatusOptions,
): Promise<number> {
  const query = toQuery(options);
  const found = await client.list({ query, limit: MAX_RUNS + 1 });
  const runs = found.slice(0, MAX_RUNS);
  const announce = announceOn(context);
  if (json) printJson(context.stdout, runs);
  else if (runs.length > 0) print(context, ...renderRuns(runs, context.now(), columnsOf(context)));
  else if (query !== '') announce(`No run is found by: ${query}`);
  else announce(`No runs. Start one with: ${context.program} up PLAN`);
  if (found.length > MAX_RUNS) announce(`These are the latest ${MAX_RUNS}; --fleet or --query finds others.`);
  return 0;
}
