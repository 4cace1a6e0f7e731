import type { Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { print, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { followRun, type FollowOptions } from '../follow.ts';
import { colored, plain } from '../render/paint.ts';
import { renderEnd, renderInterventions, renderParked } from '../render/reports.ts';
import { renderRuns } from '../render/runs.ts';
import { renderTable } from '../render/table.ts';
import { listRuns } from '../runs.ts';
import { lookAt } from '../watch.ts';
import { type Act, withEngineOptions } from './act.ts';
import { withFollowOptions } from './up.ts';

interface StatusOptions extends EngineOptions, FollowOptions {
  readonly watch?: boolean;
}

const MOST_RUNS = 100;

export function addStatus(program: Command, act: Act): void {
  withFollowOptions(withEngineOptions(program.command('status')))
    .description('show a run, or list the runs')
    .argument('[id]')
    .option('-w, --watch', 'follow it live')
    .action(
      act.untilStopped((context, id: string | undefined, options: StatusOptions) =>
        withClient(options, context, (client) =>
          id === undefined ? showRuns(context, client, options) : showRun(context, client, id, options),
        ),
      ),
    );
}

async function showRun(
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
  if (options.json) {
    print(context, JSON.stringify({ id, ...status, ...(result && { result }) }, undefined, 2));
    return 0;
  }
  if (status) {
    const paint = context.color ? colored : plain;
    const columns = context.isTty ? context.terminalSize().columns : Infinity;
    print(context, ...renderTable(status, [], { columns, maxRows: Infinity, nowMs: context.now(), paint }));
    print(context, ...renderInterventions(status.interventions));
    if (status.attention && !isOver) {
      print(context, '', ...renderParked(id, status, command));
    }
  }
  if (result) print(context, '', ...renderEnd(result, status));
  else if (!status)
    throw new CliError(exitCodes.failed, `no worker answers for this run; start one: ${command('worker')}`);
  return 0;
}

async function showRuns(
  context: CliContext,
  client: ChandlerClient,
  { json = false }: StatusOptions,
): Promise<number> {
  const runs = await listRuns(client, '', MOST_RUNS);
  if (json) print(context, JSON.stringify(runs, undefined, 2));
  else if (runs.length > 0) print(context, ...renderRuns(runs, context.now()));
  else context.stderr.write(`No runs. Start one with: ${context.program} up PLAN\n`);
  return 0;
}
