import type { Command } from 'commander';
import type { DoctorOptions } from '../doctor/run.ts';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { describe } from '../manual.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

export function addDoctor(program: Command, act: Act): void {
  const doctor = program
    .command('doctor')
    .argument('[target]', '[USER@]HOST[:PORT] of a host to look at, too')
    .option('--fix', 'mend what can be mended safely')
    .option('--json', 'as JSON: a list of findings')
    .action(
      act(async (context, target: string | undefined, options: DoctorOptions) => {
        const { runDoctor } = await import('../doctor/run.ts');
        return runDoctor(context, target, options);
      }),
    );
  withEngineOptions(withTargetOption(doctor));
  describe(doctor, {
    group: 'Run the parts:',
    summary: 'look at all that a run needs; say how to mend it',
    about: `Looks at the server, its namespace and search attributes, who polls the task queue, and what a worker has to log in with: its keys, agent, known_hosts files and secrets. With a target, also at that host, end to end and through a worker, which changes nothing there. Each finding says what it means and how to mend it.

--fix creates search attributes that are missing, and takes private keys on this machine away from group and others. It says what it did, and does nothing else.`,
    examples: [
      ['chandler doctor', 'Everything but a host.'],
      ['chandler doctor root@web1.example.org --fix', 'A host, too; and mend what is safe to mend.'],
      [
        'chandler doctor --target host=10.0.0.7 --target user=app --target become=sudo --json',
        'For a program.',
      ],
    ],
    exits: {
      provisioned: 'no problem; warnings are none',
      failed: 'there are problems',
      unreachable: 'no Temporal server answers; the rest was looked at',
    },
    environment: [
      ...ENGINE_ENVIRONMENT,
      'CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…',
    ],
    seeAlso: ['diff', 'worker', 'dev'],
  });
}
