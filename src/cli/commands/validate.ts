import type { Command } from 'commander';
import { count } from '../../domain/count.ts';
import type { Plan } from '../../domain/schema.ts';
import { print, warn, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import type { OutputOf } from '../output-schema.ts';
import { printJson } from '../print-json.ts';
import { type Act, PLAN_ARGUMENT, withTargetOption } from './act.ts';

interface ValidateOptions {
  readonly target?: readonly string[];
  readonly json?: boolean;
}

export function addValidate(program: Command, act: Act): void {
  const validate = withTargetOption(program.command('validate'))
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--json', 'as JSON: ok, digest, or the problems with path and line')
    .action(act((context, file: string, options: ValidateOptions) => runValidate(context, file, options)));
  describe(validate, {
    group: 'Plans:',
    summary: 'check a plan; every problem is listed',
    about:
      'Checks a plan as `up` and the workflow itself do, without a server or a host. Every problem is on a line of its own, as FILE:LINE: PATH: MESSAGE.',
    examples: [
      [
        'chandler validate web.yaml',
        'Prints how many steps it has and the digest that the sentinel will have.',
      ],
      ['chandler validate web.yaml --json', 'For an editor or a pipeline.'],
      ['chandler validate preset:docker --target host=web1', 'A ready-made plan lacks a target.'],
    ],
    exits: { provisioned: 'the plan is good', usage: 'it is not, or there is no such file' },
    seeAlso: ['schema', 'up', 'script'],
  });
}

async function runValidate(
  context: CliContext,
  file: string,
  { target = [], json = false }: ValidateOptions,
): Promise<number> {
  const [{ parsePlan, readPlanText, renderProblems, shownName }, { planDigest }] = await Promise.all([
    import('../plan-file.ts'),
    import('../../domain/plan.ts'),
  ]);
  const name = shownName(file);
  const { plan, problems } = parsePlan(await readPlanText(file, context), target);
  if (!plan) {
    if (json) printJson(context.stdout, { file: name, ok: false, problems });
    else warn(context, renderProblems(name, problems));
    return exitCodes.usage;
  }
  const found = { file: name, ok: true as const, ...countParts(plan), digest: planDigest(plan) };
  if (json) printJson(context.stdout, found);
  else print(context, renderValid(found));
  return exitCodes.provisioned;
}

function countParts({ steps }: Plan): { readonly steps: number; readonly finalizers: number } {
  return { steps: steps.length, finalizers: steps.filter((step) => step.finalize !== undefined).length };
}

/** `web.yaml: ok (3 steps, 1 finalizer, digest 0123456789ab)` */
export function renderValid({ file, steps, finalizers, digest }: Valid): string {
  const counts = [count(steps, 'step'), count(finalizers, 'finalizer')].join(', ');
  return `${file}: ok (${counts}, digest ${digest.slice(0, 12)})`;
}
type Valid = Extract<OutputOf<'validation'>, { ok: true }>;
