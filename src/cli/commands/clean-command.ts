import type { Command } from 'commander';
import { withSshConfigOption } from '../hosts/ssh-config-option.ts';
import { type Act, describeServerCommand, lazily, withTargetOption } from './act.ts';

export function addClean(program: Command, act: Act): void {
  const clean = program
    .command('clean')
    .argument('<target>', '[USER@]HOST[:PORT] of the host')
    .option('--end', 'end what is left: processes by TERM, then KILL; then the sessions')
    .option('--run <id>', 'with --end: also end the work of this run, which holds the host')
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('./run-clean.ts')).runClean)));
  describeServerCommand(withTargetOption(withSshConfigOption(clean)), {
    group: 'Act on runs:',
    summary: 'show what earlier runs left running on a host, and end it',
    about: `Shows the steps that an earlier run left running on a host because it was terminated, its server is gone, or their end could not be verified. Also shows open sessions of steps that are over. A step that succeeded may leave services running: those are neither shown nor ended.

With --end all of them are ended, which is verified, and the host is free for the next run. While a run is at work on the host this is refused: end that run with \`chandler abort\`. If its server is gone, name the run with --run. A worker connects to the host, so you need no SSH access.`,
    examples: {
      'chandler clean root@web1': 'Show what is left.',
      'chandler clean root@web1 --end': 'End it.',
      'chandler clean root@web1 --end --run provision:web1:22': 'End the work of a run whose server is gone.',
      'chandler clean root@web1 --target identity=deploy --json': 'Show what is left, as JSON.',
    },
    exits: {
      provisioned: 'nothing is left; with --end: all of it was ended',
      failed: 'steps are left running, or could not be ended; or the host could not be inspected',
      usage: 'wrong usage; with --end: a run is at work on the host',
    },
    seeAlso: ['abort', 'status', 'doctor'],
  });
}
