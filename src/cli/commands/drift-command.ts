import type { Command } from 'commander';
import { withPlanOptions } from '../hosts/hosts-options.ts';
import { type Act, describeServerCommand, lazily, PLAN_ARGUMENT } from './act.ts';

export function addDrift(program: Command, act: Act): void {
  const drift = program
    .command('drift')
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../drift/run-drift.ts')).runDrift)));
  describeServerCommand(withPlanOptions(drift), {
    group: 'Plans:',
    summary: 'compare a host with a plan; changes nothing',
    about: `Runs every check of the plan on the host, for a minute at most, compares the files that its steps bring, and compares what earlier runs recorded there with the plan. Shows for each step whether it is in order, or how it has drifted: its check fails, a file differs, it changed in the plan since it ran, it did not succeed, it was skipped by an operator, or it was never run. A step whose check is satisfied counts as in order even if it was never run or did not succeed. Changes nothing on the host. While a run is at work there, this is refused.

With --hosts every host of an inventory has one line, or with --json an object on a line; if --limit leaves one host, its steps are shown.

\`diff\` shows what a run would do about it. \`schedule create\` repeats this check, and notifies.`,
    examples: {
      'chandler drift web.yaml': 'On the host that the plan names.',
      'chandler drift web.yaml --hosts hosts.yaml --json': 'On the hosts of an inventory, as JSON.',
      'chandler drift preset:docker --target root@web1 --json': 'For a program.',
    },
    exits: {
      provisioned: 'no drift: every step is in order',
      failed: 'unknown: the host, a check or a file gave no answer, and no other step has drifted',
      drifted: 'a step has drifted',
    },
    seeAlso: ['diff', 'up', 'doctor'],
  });
}
