import type { Command } from 'commander';
import type { ChandlerClient, RunResult } from '../../client.ts';
import { isFullyParked, type RunStatus } from '../../domain/status.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { CliError } from '../errors.ts';
import { exitCodeOf, exitCodes, type ExitCode } from '../exit-codes.ts';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { followRun, type FollowOptions } from '../follow.ts';
import { describe } from '../manual.ts';
import { printJson } from '../print-json.ts';
import { colored, plain } from '../render/paint.ts';
import { renderEnd, renderInterventions, renderParked } from '../render/reports.ts';
import { renderRuns } from '../render/runs.ts';
import { renderTable } from '../render/table.ts';
import { listRuns, toQuery } from '../runs.ts';
import { lookAt, readProgress } from '../look.ts';
import { type Act, withEngineOptions } from './act.ts';
import { FOLLOW_EXITS, withFollowOptions } from './up.ts';

interface StatusOptions extends EngineOptions, FollowOptions {
  readonly watch?: boolean;
  readonly exitCode?: boolean;
  readonly fleet?: string;
  readonly query?: string;
}

const MOST_RUNS = 100;

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
  withEngineOptions(
    withFollowOptions(status, { json: 'as JSON; with --watch an object a line for each change' }),
  );
  describe(status, {
    group: 'Watch and look:',
    summary: 'show a run, or list the runs',
    about: `With an id: where the run is, step by step; what failed and what a person can do about it; how it ended. Without one: the latest 100 runs, or the latest 100 of those that --fleet or --query finds, those that need a person marked.

Looking succeeds whatever it sees, so the exit code is 0 for a run that failed or is parked, too. With --exit-code it is the one that \`up\` would end with at this moment; 0 also stands for a run that is at work.`,
    examples: [
      ['chandler status', 'All runs.'],
      ['chandler status --fleet web', 'Those of a fleet.'],
      ['chandler status provision:10.0.0.7:22', 'One run.'],
      ['chandler status provision:10.0.0.7:22 --watch', 'Follow it live; Ctrl-C leaves it.'],
      [
        'chandler status provision:10.0.0.7:22 --exit-code --quiet > /dev/null',
        '3 if it waits for a person.',
      ],
      ["chandler status --json | jq '.[] | select(.attention) | .id'", 'The ids of those that do.'],
    ],
    exits: {
      ...FOLLOW_EXITS,
      provisioned: 'it was shown; with --watch or --exit-code: the host is provisioned (or the run at work)',
      failed: 'no worker answers; with --watch or --exit-code: the run failed',
      parked: 'with --watch or --exit-code: a step waits for a person',
      aborted: 'with --watch or --exit-code: the run was aborted',
    },
    environment: ENGINE_ENVIRONMENT,
    seeAlso: ['watch', 'up', 'logs', 'retry', 'skip', 'abort'],
  });
}

function showRun(context: CliContext, id: string, options: StatusOptions): Promise<number> {
  if (options.fleet !== undefined || options.query !== undefined)
    throw new CliError(exitCodes.usage, 'either the id of a run, or --fleet or --query, not both');
  return withClient(options, context, (client) => tellRun(context, client, id, options));
}

async function tellRun(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  options: StatusOptions,
): Promise<number> {
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  if (options.watch) return followRun(context, client, id, options, command);
  const { status: execution } = await client.temporal.workflow.getHandle(id).describe();
  const isOver = execution.name !== 'RUNNING';
  const sight = await lookAt(client, id);
  const status = sight.kind === 'status' ? sight.status : undefined;
  const result = isOver ? await client.result(id) : undefined;
  if (!status && !result) {
    const text = `no worker answers for this run; start one: ${command('worker')}`;
    throw new CliError(exitCodes.failed, text, { code: 'no-worker' });
  }
  const exitCode = options.exitCode ? codeOf(status, result) : exitCodes.provisioned;
  if (options.json) {
    if (status) printJson(context.stdout, { id, ...status, ...(result && { result }) });
    else if (result) printJson(context.stdout, { id, result });
    return exitCode;
  }
  if (status) {
    const paint = context.color ? colored : plain;
    const columns = context.isTty ? context.terminalSize().columns : Infinity;
    const progress = isOver ? [] : await readProgress(client, id, status, []);
    const size = { columns, maxRows: Infinity };
    print(context, ...renderTable(status, progress, { ...size, nowMs: context.now(), paint }));
    print(context, ...renderInterventions(status.interventions));
    if (status.attention && !isOver) {
      print(context, '', ...renderParked(id, status, command));
    }
  }
  if (result) print(context, '', ...renderEnd(result, status));
  return exitCode;
}

/** The code with which following the run would end now; a run that is at work counts as well. */
function codeOf(status: RunStatus | undefined, result: RunResult | undefined): ExitCode {
  if (result) return exitCodeOf(result);
  return status && isFullyParked(status) ? exitCodes.parked : exitCodes.provisioned;
}

function showRuns(context: CliContext, options: StatusOptions): Promise<number> {
  if (options.watch || options.exitCode) {
    const text = `--watch and --exit-code are for one run: ${context.program} status ID; many are shown live by ${context.program} watch`;
    throw new CliError(exitCodes.usage, text);
  }
  return withClient(options, context, (client) => tellRuns(context, client, options));
}

async function tellRuns(
  context: CliContext,
  client: ChandlerClient,
  { json = false, ...options }: StatusOptions,
): Promise<number> {
  const query = toQuery(options);
  const found = await listRuns(client, query, MOST_RUNS + 1);
  const runs = found.slice(0, MOST_RUNS);
  const announce = announceOn(context);
  if (json) printJson(context.stdout, runs);
  else if (runs.length > 0) print(context, ...renderRuns(runs, context.now()));
  else if (query !== '') announce(`No run is found by: ${query}`);
  else announce(`No runs. Start one with: ${context.program} up PLAN`);
  if (found.length > MOST_RUNS)
    announce(`These are the latest ${MOST_RUNS}; --fleet or --query finds others.`);
  return 0;
}
