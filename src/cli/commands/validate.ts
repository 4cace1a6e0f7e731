import type { Command } from 'commander';
import { planDigest } from '../../domain/plan.ts';
import type { Plan } from '../../domain/schema.ts';
import { print, type CliContext } from '../context.ts';
import { loadPlan } from '../plan-file.ts';
import { type Act, withTargetOption } from './act.ts';

export function addValidate(program: Command, act: Act): void {
  withTargetOption(program.command('validate'))
    .description('check a plan; every problem is listed')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one')
    .action(
      act((context, file: string, { target = [] }: { target?: readonly string[] }) =>
        runValidate(context, file, target),
      ),
    );
}

async function runValidate(context: CliContext, file: string, target: readonly string[]): Promise<number> {
  print(context, renderValid(file, await loadPlan(file, target, context)));
  return 0;
}

/** `web.yaml: ok (3 steps, 1 finalizer, digest 0123456789ab)` */
export function renderValid(file: string, plan: Plan): string {
  const finalizers = plan.steps.filter((step) => step.finalize !== undefined).length;
  const counts = [count(plan.steps.length, 'step'), count(finalizers, 'finalizer')].join(', ');
  return `${file}: ok (${counts}, digest ${planDigest(plan).slice(0, 12)})`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
