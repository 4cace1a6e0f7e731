import type { Command } from 'commander';
import { withPlanOptions } from '../hosts/hosts-options.ts';
import { type Act, describeServerCommand, lazily } from './act.ts';

export function addDoctor(program: Command, act: Act): void {
  const doctor = program
    .command('doctor')
    .argument(
      '[target|plan]',
      '[USER@]HOST[:PORT] of a host to inspect, too; or a plan: FILE.yaml, preset:NAME or -',
    )
    .option('--fix', 'fix what is safe to fix')
    .option('--json', 'as JSON: a list of findings')
    .action(act(lazily(async () => (await import('../doctor/run-doctor.ts')).runDoctor)));
  describeServerCommand(withPlanOptions(doctor), {
    group: 'Run the parts:',
    summary: 'check everything that a run needs, and how to fix it',
    about: `Checks the server, its namespace and search attributes, the workers of the task queue, and what a worker can log in with: its keys, agent, known_hosts files and secrets. With a host, a worker also inspects that host end to end and changes nothing there. With a plan, it inspects the host of the target and checks the secrets that the steps need; the plan's checks are not run. A plan's file ends in .yaml, .yml or .json, or is written with a slash: ./plan. Each finding says what it means and how to fix it.

With --hosts every host of an inventory has one line, or with --json an object on a line; if --limit leaves one host, all findings are shown.

--fix creates search attributes that are missing, and takes access to private keys on this machine away from group and others. It reports what it did and does nothing else.`,
    examples: {
      'chandler doctor': 'Everything except a host.',
      'chandler doctor root@web1.example.org --fix': 'A host, too; and fix what is safe to fix.',
      'chandler doctor web.yaml': 'The host of a plan, and what its steps need.',
      'chandler doctor preset:docker --target root@10.0.0.7': 'A ready-made plan on a host.',
      'chandler doctor web.yaml --hosts hosts.yaml': 'The hosts of an inventory.',
      'chandler doctor --target host=10.0.0.7 --target user=app --target become=sudo --json':
        'For a program.',
    },
    exits: {
      provisioned: 'no problem; warnings do not count',
      failed: 'there are problems',
      unreachable: 'no Temporal server answers; the rest was checked',
    },
    environment: ['CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…'],
    seeAlso: ['diff', 'worker', 'dev'],
  });
}
