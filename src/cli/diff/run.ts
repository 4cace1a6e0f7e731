import type { ChandlerClient } from '../../client.ts';
import { defaultWorkflowId } from '../../domain/ids.ts';
import type { Plan } from '../../domain/schema.ts';
import { print, type CliContext } from '../context.ts';
import { withClient, type EngineOptions } from '../engine.ts';
import { isNotFound } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { judgePlan, readPlanText } from '../plan-file.ts';
import { printJson } from '../print-json.ts';
import { renderDiff } from '../render/diff.ts';
import { colored, plain } from '../render/paint.ts';
import { forecastRun, type Diff } from './forecast.ts';

export interface DiffOptions extends EngineOptions {
  readonly target?: readonly string[];
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

/** Tells what a run of a plan would do on each host, and answers the exit code. */
export async function runDiff(
  context: CliContext,
  file: string,
  targets: readonly string[],
  options: DiffOptions,
): Promise<number> {
  const text = await readPlanText(file, context);
  const { target: more = [] } = options;
  const each = targets.length === 0 ? [more] : targets.map((target) => [target, ...more]);
  const plans = each.map((words) => judgePlan(file, text, words));
  const diffs = await withClient(options, context, (client) =>
    Promise.all(plans.map((plan) => diffOf(client, plan))),
  );
  const paint = context.color ? colored : plain;
  if (options.json) printJson(context.stdout, diffs);
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
    if (isNotFound(error)) return false;
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
