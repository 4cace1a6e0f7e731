import type { Plan } from '../../domain/plan/schema.ts';
import { stateOfPlan, type DriftReport, type StepDrift } from '../../domain/run/drift.ts';
import { print, type CliContext } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { loadHostPlans, type HostPlan } from '../hosts/host-plans.ts';
import { hasHosts, type HostsOptions } from '../hosts/hosts-options.ts';
import { loadReachedPlan } from '../hosts/reach-targets.ts';
import { runOnHosts } from '../hosts/run-on-hosts.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import { colored, plain } from '../output/paint.ts';
import { printJson } from '../output/print-json.ts';
import { announceWaiting, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { renderDrift } from './render-drift.ts';

export interface DriftOptions extends ServerOptions, PlanOptions, HostsOptions, SshConfigOptions {
  readonly json?: boolean;
}

export async function runDrift(context: CliContext, file: string, options: DriftOptions): Promise<ExitCode> {
  if (hasHosts(options, { plan: file })) {
    const plans = await loadHostPlans(file, options, context);
    const [only] = plans;
    if (!only || plans.length > 1 || options.json) return driftHosts(context, plans, options);
    return showDrift(context, only.plan, options);
  }
  return showDrift(context, await loadReachedPlan(file, options, context), options);
}

function driftHosts(
  context: CliContext,
  plans: readonly HostPlan[],
  options: DriftOptions,
): Promise<ExitCode> {
  return withClient(options, context, (client) => {
    const onWaiting = announceWaiting(context, options);
    return runOnHosts(context, options, plans, async ({ plan }) => {
      const drift = await client.checkDrift(plan, { onWaiting });
      return { exitCode: exitCodeOfDrift(drift), message: drift.message, drift };
    });
  });
}

async function showDrift(context: CliContext, plan: Plan, options: DriftOptions): Promise<ExitCode> {
  const onWaiting = announceWaiting(context, options);
  const report = await withClient(options, context, (client) => client.checkDrift(plan, { onWaiting }));
  if (options.json) printJson(context.stdout, report);
  else print(context, ...renderDrift(report, context.color ? colored : plain));
  return exitCodeOfDrift(report);
}

const EXIT_CODES = {
  'in-order': exitCodes.provisioned,
  drifted: exitCodes.drifted,
  unknown: exitCodes.failed,
} as const satisfies Record<StepDrift['state'], ExitCode>;

export function exitCodeOfDrift(report: Pick<DriftReport, 'drifted' | 'steps'>): ExitCode {
  return EXIT_CODES[stateOfPlan(report)];
}
