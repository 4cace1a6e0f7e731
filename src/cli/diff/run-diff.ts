import type { ChandlerClient } from '../../client.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import { defaultWorkflowId } from '../../domain/run/ids.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { print, type CliContext } from '../context.ts';
import { announceWaiting, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { isNotFound } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { judgePlan, readPlan, requirePlan, type PlanOptions } from '../input/plan-file.ts';
import { printJson } from '../output/print-json.ts';
import { loadHostPlans, type HostPlan } from '../hosts/host-plans.ts';
import { reachPlans } from '../hosts/reach-targets.ts';
import { runOnHosts } from '../hosts/run-on-hosts.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { hasHosts, type HostsOptions } from '../hosts/hosts-options.ts';
import { renderDiff } from './render-diff.ts';
import { colored, plain } from '../output/paint.ts';
import type { Diff } from '../output/outputs.ts';
import { forecastRun } from './forecast-run.ts';

export interface DiffOptions extends ServerOptions, PlanOptions, HostsOptions, SshConfigOptions {
  readonly exitCode?: boolean;
  readonly json?: boolean;
}

export async function runDiff(
  context: CliContext,
  file: string,
  targets: readonly string[],
  options: DiffOptions,
): Promise<number> {
  if (hasHosts(options, { plan: file, alone: { [targets.join(' ')]: targets.length > 0 } })) {
    const plans = await loadHostPlans(file, options, context);
    return plans.length > 1 || options.json
      ? diffHosts(context, plans, options)
      : showDiffs(context, plans, options);
  }
  const source = await readPlan(file, options, context);
  const { target: more = [] } = options;
  const each = targets.length === 0 ? [more] : targets.map((target) => [target, ...more]);
  const found = each.map((words) => ({ plan: requirePlan(file, judgePlan(source, words)) }));
  return showDiffs(context, await reachPlans(found, options, context), options);
}

function diffHosts(context: CliContext, plans: readonly HostPlan[], options: DiffOptions): Promise<ExitCode> {
  return withClient(options, context, (client) => {
    const onWaiting = announceWaiting(context, options);
    return runOnHosts(context, options, plans, async ({ plan }) => {
      const diff = await diffOf(client, plan, onWaiting);
      return { exitCode: exitCodeOfDiffs([diff], options.exitCode === true), message: diff.message, diff };
    });
  });
}

async function showDiffs(
  context: CliContext,
  plans: readonly { readonly plan: Plan }[],
  options: DiffOptions,
): Promise<ExitCode> {
  const diffs = await withClient(options, context, (client) =>
    Promise.all(
      plans.map(({ plan }, i) =>
        diffOf(client, plan, i === 0 ? announceWaiting(context, options) : undefined),
      ),
    ),
  );
  const paint = context.color ? colored : plain;
  if (options.json) printJson(context.stdout, diffs);
  else print(context, ...diffs.flatMap((diff, i) => [...(i === 0 ? [] : ['']), ...renderDiff(diff, paint)]));
  return exitCodeOfDiffs(diffs, options.exitCode === true);
}

async function diffOf(
  client: ChandlerClient,
  plan: Plan,
  onWaiting: ((taskQueue: string) => void) | undefined,
): Promise<Diff> {
  const id = defaultWorkflowId(plan.target);
  const [inspection, held] = await Promise.all([
    client.inspect({ plan }, { onWaiting }),
    isRunning(client, id),
  ]);
  return forecastRun(plan, inspection, held ? id : undefined);
}

/** Whether a run with the id is open: the server refuses a second one, even before the first has reached its host. */
async function isRunning(client: ChandlerClient, workflowId: string): Promise<boolean> {
  try {
    return isOpenStatus((await client.describe(workflowId)).status);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Returns codes like those of `diff` and `git diff --exit-code`. */
export function exitCodeOfDiffs(diffs: readonly Pick<Diff, 'outcome'>[], changesCount: boolean): ExitCode {
  const bad = diffs.some(
    ({ outcome }) =>
      outcome === 'unknown' ||
      outcome === 'would-fail' ||
      (changesCount && (outcome === 'would-run' || outcome === 'drifted')),
  );
  return bad ? exitCodes.failed : exitCodes.provisioned;
}
