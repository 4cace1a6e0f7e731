import type { Command } from 'commander';
import type { DiffOptions } from '../diff/run.ts';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { describe } from '../manual.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

export function addDiff(program: Command, act: Act): void {
  const diff = program
    .command('diff')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one')
    .argument('[target...]', '[USER@]HOST[:PORT] of each host (default: the plan’s)')
    .option('--exit-code', 'exit with 1 if a run would do anything')
    .option('--json', 'as JSON: a list, one for each host')
    .action(
      act(async (context, file: string, targets: readonly string[], options: DiffOptions) => {
        const { runDiff } = await import('../diff/run.ts');
        return runDiff(context, file, targets, options);
      }),
    );
  withEngineOptions(withTargetOption(diff));
  describe(diff, {
    group: 'Plans:',
    summary: 'tell what a run of a plan would do; changes nothing',
    about: `Tells what a run of the plan would do, and changes nothing on the host, also where Chandler has never been: whether the host can be reached and lets a run in, what its sentinel says, which steps their checks say are satisfied, whether zmx would be installed, and what a script of the host has done that a run would go on from. A worker looks, so no SSH access is needed here. Each check is run as a run would: a check that changes something changes it now.

Marks: = keep, + do, ~ wait, ✘ fail, ? unknown.`,
    examples: [
      ['chandler diff web.yaml', 'On the host that the plan names.'],
      [
        'chandler diff web.yaml root@web1 root@web2 --exit-code',
        'On two hosts; 1 if there is anything to do.',
      ],
      ['chandler diff preset:docker root@web1 --json', 'For a program.'],
    ],
    exits: {
      provisioned: 'a run would succeed as far as can be told, or there is nothing to do',
      failed: 'it would fail, or nobody can tell; with --exit-code also if it would do anything',
      unreachable: 'no Temporal server answers, or it went away',
    },
    environment: ENGINE_ENVIRONMENT,
    seeAlso: ['validate', 'doctor', 'up'],
  });
}
