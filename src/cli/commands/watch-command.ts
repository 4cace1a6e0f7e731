import type { Command } from 'commander';
import { actions, actionsByKey } from '../../domain/run/actions.ts';
import { withRunIdOption } from '../server/with-run.ts';
import { type Act, describeServerCommand, lazily } from './act.ts';

const ACTION_KEYS = [...actionsByKey]
  .map(([key, names]) => `${key} ${names.map((name) => actions[name].command).join('/')}`)
  .join(', ');

export function addWatch(program: Command, act: Act): void {
  const watch = program
    .command('watch')
    .argument('[id...]', 'runs; without any, all that match the options')
    .option('--fleet <name>', 'the runs of a fleet')
    .option('--query <query>', 'the runs that a visibility query of Temporal finds')
    .option('--json', 'print one JSON object a line for each change')
    .action(act.untilStopped(lazily(async () => (await import('../live/run-watch.ts')).runWatch)));
  describeServerCommand(withRunIdOption(watch), {
    group: 'Watch and inspect:',
    summary: 'watch runs on the whole screen, and act on them',
    about: `Shows runs and their steps live, those that need attention first. Keys: l opens the log of a step, a attaches to its terminal, ${ACTION_KEYS}, ? shows the rest, q leaves. Runs continue when you leave. If the server goes away, the view waits until it is back.

Without a terminal, or with TERM=dumb, it prints a line for each change.`,
    examples: {
      'chandler watch': 'Every run.',
      'chandler watch provision:web1.example.org:22': 'One run with its steps.',
      'chandler watch --fleet web': 'The runs of a fleet, including new ones.',
      "chandler watch --query 'ChandlerAttention = true'": 'The runs that need attention.',
    },
    exits: {
      provisioned: 'left with q; of one run that is over: the host is provisioned',
      failed: 'of one run that is over: it failed',
      aborted: 'of one run that is over: it was aborted',
      unreachable: 'no Temporal server answers at the beginning',
    },
    environment: ['NO_COLOR'],
    seeAlso: ['status', 'logs', 'attach', 'retry'],
  });
}
