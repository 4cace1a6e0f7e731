import type { Command } from 'commander';
import type { Plan } from '../../domain/plan/schema.ts';
import { definedOnly } from '../../domain/defined-only.ts';

/** Options that change what one run does. */
export interface RunOptions {
  readonly force?: boolean;
  readonly only?: readonly string[];
  readonly from?: string;
}

export function withRunOptions(command: Command): Command {
  return command
    .option('--force', 'also run what is unchanged, as on a new host')
    .option('--only <step...>', 'run only these steps, and what they need that is not done')
    .option('--from <step>', 'run only this step and those after it in the plan, and what they need');
}

/** Sets the options' values in the `run` of a plan. */
export function overrideRun(plan: unknown, { force, only, from }: RunOptions): unknown {
  const changes: Plan['run'] = definedOnly({ force, only: only && [...only], from });
  if (typeof plan !== 'object' || plan === null || Object.keys(changes).length === 0) return plan;
  const { run } = plan as { readonly run?: object };
  return { ...plan, run: { ...run, ...changes } };
}
