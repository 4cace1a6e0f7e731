import type { Command } from 'commander';
import { count } from '../../domain/text/count.ts';
import { print, warn, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import { describe } from '../manual.ts';
import type { Valid } from '../output/outputs.ts';
import { printJson } from '../output/print-json.ts';
import { type Act, PLAN_ARGUMENT, withTargetOption, withValueOptions } from './act.ts';

interface ValidateOptions extends PlanOptions {
  readonly json?: boolean;
}

export function addValidate(program: Command, act: Act): void {
  const validate = withValueOptions(withTargetOption(program.command('validate')))
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--json', 'as JSON: ok, digest and warnings, or the problems, with file, path and line')
    .action(act(runValidate));
  describe(validate, {
    group: 'Plans:',
    summary: 'check a plan; every problem is listed',
    about:
      'Checks a plan as `up` and the workflow itself do, without a server or a host. The files that it includes are a part of it. Every problem is on a line of its own, as FILE:LINE: PATH: MESSAGE. Likely mistakes are warnings: line ends in CR LF, a command in the background when a script ends, a failure that is lost because the script has no set -e, a variable like $HOME in a value, which no shell reads, and a value whose name is nearly that of a variable of the plan.',
    examples: {
      'chandler validate web.yaml':
        'Prints how many steps it has and the digest that the sentinel will have, unless the plan has files of the worker.',
      'chandler validate web.yaml --json': 'For an editor or a pipeline.',
      'chandler validate web.yaml --set PORT=8080': 'With a value for a variable that the plan requires.',
      'chandler validate preset:docker --target host=web1': 'A ready-made plan lacks a target.',
    },
    exits: {
      provisioned: 'the plan is valid, perhaps with warnings',
      usage: 'the plan is not valid, or there is no such file',
    },
    seeAlso: ['schema', 'up', 'script'],
  });
}

async function runValidate(
  context: CliContext,
  file: string,
  { target, json = false, ...values }: ValidateOptions,
): Promise<number> {
  const [
    { judgePlan, readPlan, renderProblems, renderWarnings },
    { shownName },
    { planDigest },
    { unpinnedFiles },
  ] = await Promise.all([
    import('../input/plan-file.ts'),
    import('../input/read-files.ts'),
    import('../../domain/plan/resolve-plan.ts'),
    import('../../domain/plan/files.ts'),
  ]);
  const name = shownName(file);
  const { plan, warnings, problems } = judgePlan(await readPlan(file, values, context), target);
  if (!plan) {
    if (json) printJson(context.stdout, { file: name, ok: false, problems });
    else warn(context, renderProblems(name, problems));
    return exitCodes.usage;
  }
  const { steps } = plan;
  const finalizers = steps.filter(({ finalize }) => finalize !== undefined).length;
  const counts = { steps: steps.length, finalizers };
  const unpinned = unpinnedFiles(plan);
  const found: Valid = {
    file: name,
    ok: true,
    ...counts,
    digest: planDigest(plan),
    ...(unpinned.length > 0 && { workerFiles: unpinned }),
    warnings,
  };
  if (json) printJson(context.stdout, found);
  else {
    for (const line of renderWarnings(name, warnings)) warn(context, line);
    print(context, renderValid(found));
  }
  return exitCodes.provisioned;
}

/** `web.yaml: ok (3 steps, 1 finalizer, digest 0123456789ab)` */
export function renderValid({ file, steps, finalizers, digest, workerFiles = [] }: Valid): string {
  const counts = [count(steps, 'step'), count(finalizers, 'finalizer')].join(', ');
  const rest =
    workerFiles.length === 0 ? '' : `; that of a run differs: it covers ${workerFiles.join(', ')}, too`;
  return `${file}: ok (${counts}, digest ${digest.slice(0, 12)}${rest})`;
}
