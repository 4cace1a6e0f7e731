import { WorkflowNotFoundError } from '@temporalio/client';
import type { Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { defaultWorkflowId } from '../../domain/ids.ts';
import type { Plan } from '../../domain/schema.ts';
import { print, type CliContext } from '../context.ts';
import { forecastRun, type Diff } from '../diff/forecast.ts';
import { withClient, type EngineOptions } from '../engine.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { judgePlan, readPlanText } from '../plan-file.ts';
import { renderDiff } from '../render/diff.ts';
import { colored, plain } from '../render/paint.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

interface DiffOptions extends EngineOptions {
  readonly target?: readonly string[];
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

const HELP = `
Tells what a run of the plan would do, and changes nothing on the host, also where Chandler has never been: whether the host
can be reached and lets a run in, what its sentinel says, which steps their checks say are satisfied, whether zmx would be
installed, and what a script of the host has done that a run would go on from. A worker looks, so no SSH access is needed
here. Each check is run as a run would: a check that changes something changes it now.

Marks: = keep, + do, ~ wait, ✘ fail, ? unknown.

--json prints a list of {host, plan, digest, outcome, says, rows: [{kind, name?, would, says}]}, one for each host; outcome
is nothing-to-do, would-run, would-fail or unknown.

Exit code 0: a run would succeed as far as can be told, or there is nothing to do; 1: it would fail, or nobody can tell,
and with --exit-code also if it would do anything; 2: bad plan or usage; 5: no Temporal server answers.

Examples:
  chandler diff web.yaml
  chandler diff web.yaml root@web1 root@web2 --exit-code
  chandler diff preset:docker root@web1 --json`;

export function addDiff(program: Command, act: Act): void {
  withEngineOptions(withTargetOption(program.command('diff')))
    .description('tell what a run of a plan would do; changes nothing')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one')
    .argument('[target...]', '[USER@]HOST[:PORT] of each host (default: the plan’s)')
    .option('--exit-code', 'exit with 1 if a run would do anything')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(
      act((context, file: string, targets: readonly string[], options: DiffOptions) =>
        runDiff(context, file, targets, options),
      ),
    );
}

async function runDiff(
  context: CliContext,
  file: string,
  targets: readonly string[],
  options: DiffOptions,
): Promise<number> {
  const text = await readPlanText(file, context);
  const { target: more = [] } = options;
  const each = targets.length === 0 ? [more] : targets.map((target) => [target, ...more]);
  const plans = each.map((words) => judgePlan(file === '-' ? 'stdin' : file, text, words));
  const diffs = await withClient(options, context, (client) =>
    Promise.all(plans.map((plan) => diffOf(client, plan))),
  );
  const paint = context.color ? colored : plain;
  if (options.json) print(context, JSON.stringify(diffs, null, 2));
  else print(context, ...diffs.flatMap((diff, i) => [...(i === 0 ? [] : ['']), ...renderDiff(diff, paint)]));
  return exitCodeOfDiffs(diffs, options.exitCode === true);
}

async function diffOf(client: ChandlerClient, plan: Plan): Promise<Diff> {
  const id = defaultWorkflowId(plan.target);
  const [inspection, held] = await Promise.all([client.inspect({ plan }), isRunning(client, id)]);
  return forecastRun(plan, inspection, held ? id : undefined);
}

/** The server refuses a second run of an id, also before the first has reached its host. */
async function isRunning(client: ChandlerClient, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.temporal.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** As `diff` and `git diff --exit-code` do, within our codes. */
export function exitCodeOfDiffs(diffs: readonly Pick<Diff, 'outcome'>[], changesCount: boolean): ExitCode {
  const bad = diffs.some(
    ({ outcome }) =>
      outcome === 'unknown' || outcome === 'would-fail' || (changesCount && outcome === 'would-run'),
  );
  return bad ? exitCodes.failed : exitCodes.provisioned;
}
