import type { DriftReport } from '../../domain/run/drift.ts';
import { print, type CliContext } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { loadPlan, type PlanOptions } from '../input/plan-file.ts';
import { colored, plain } from '../output/paint.ts';
import { printJson } from '../output/print-json.ts';
import { announceWaiting, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { renderDrift } from './render-drift.ts';

export interface DriftOptions extends ServerOptions, PlanOptions {
  readonly json?: boolean;
}

export async function runDrift(context: CliContext, file: string, options: DriftOptions): Promise<ExitCode> {
  const plan = await loadPlan(file, options, context);
  const onWaiting = announceWaiting(context, options);
  const report = await withClient(options, context, (client) => client.checkDrift(plan, { onWaiting }));
  if (options.json) printJson(context.stdout, report);
  else print(context, ...renderDrift(report, context.color ? colored : plain));
  return exitCodeOfDrift(report);
}

export function exitCodeOfDrift({ drifted, steps }: Pick<DriftReport, 'drifted' | 'steps'>): ExitCode {
  if (drifted) return exitCodes.drifted;
  return steps.some(({ state }) => state === 'unknown') ? exitCodes.failed : exitCodes.provisioned;
}
