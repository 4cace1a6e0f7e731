import type { Command } from 'commander';
import { withPlanOptions } from '../hosts/hosts-options.ts';
import { type Act, describeServerCommand, lazily } from './act.ts';

export function addDiff(program: Command, act: Act): void {
  const diff = program
    .command('diff')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one')
    .argument('[target...]', "[USER@]HOST[:PORT] of each host (default: the plan's)")
    .option('--exit-code', 'exit with 1 if a run would do anything, or a step has drifted')
    .option('--json', 'as JSON: a list, one for each host')
    .action(act(lazily(async () => (await import('../diff/run-diff.ts')).runDiff)));
  describeServerCommand(withPlanOptions(diff), {
    group: 'Plans:',
    summary: 'show what a run of a plan would do; changes nothing',
    about: `Shows what a run of the plan would do and changes nothing on the host, even if Chandler has never been there: whether the host can be reached and accepts a run, whether its sentinel marks it as provisioned, which steps are satisfied according to their checks (on a provisioned host a step whose check fails, or whose files differ, has drifted), whether zmx would be installed, and what a self-provisioning script has done that a run would continue. A worker inspects the host, so you need no SSH access. Checks are executed as in a run: a check that changes something changes it now.

With --hosts every host of an inventory has one line, or with --json an object on a line; if --limit leaves one host, its rows are shown.

Marks: = keep, ! drift, + do, ~ wait, ✘ fail, ? unknown.`,
    examples: {
      'chandler diff web.yaml': 'On the host that the plan names.',
      'chandler diff web.yaml root@web1 root@web2 --exit-code':
        'On two hosts; exits with 1 if there is anything to do.',
      'chandler diff web.yaml --hosts hosts.yaml': 'On the hosts of an inventory.',
      'chandler diff preset:docker root@web1 --json': 'For a program.',
    },
    exits: {
      provisioned: 'a run would succeed as far as is known, or there is nothing to do',
      failed:
        'it would fail, or that is unknown; with --exit-code also if it would do anything or a step has drifted',
    },
    seeAlso: ['validate', 'doctor', 'hosts', 'up'],
  });
}
