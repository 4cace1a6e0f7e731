import type { Command } from 'commander';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { describe } from '../manual.ts';
import type { WatchOptions } from '../watching/run.ts';
import { type Act, withEngineOptions } from './act.ts';

export function addWatch(program: Command, act: Act): void {
  const watch = program
    .command('watch')
    .argument('[id...]', 'runs; without any, all that the options let through')
    .option('--fleet <name>', 'the runs of a fleet')
    .option('--query <query>', 'the runs that a visibility query of Temporal finds')
    .option('--json', 'print one JSON object a line for each change')
    .action(
      act.untilStopped(async (context, ids: string[], options: WatchOptions) => {
        const { runWatch } = await import('../watching/run.ts');
        return runWatch(context, ids, options);
      }),
    );
  withEngineOptions(watch);
  describe(watch, {
    group: 'Watch and look:',
    summary: 'watch runs on the whole screen, and act on them',
    about: `Shows runs and their steps live, those that need a person first. Keys: l opens the log of a step, r runs it again, s skips it, x aborts the run (each asks first), p pauses it, e gives a step more time, a attaches to its terminal, ? tells the rest, q leaves. Runs go on when you leave. It goes on when the server is gone, until it is back.

Without a terminal, or with TERM=dumb, it prints a line for each change.`,
    examples: [
      ['chandler watch', 'Every run.'],
      ['chandler watch provision:web1.example.org:22', 'One run, its steps.'],
      ['chandler watch --fleet web', 'The runs of a fleet, new ones, too.'],
      ["chandler watch --query 'ChandlerAttention = true'", 'What waits for a person.'],
    ],
    exits: {
      provisioned: 'left with q; of one run that is over: the host is provisioned',
      failed: 'of one run that is over: it failed',
      aborted: 'of one run that is over: it was aborted',
      unreachable: 'no Temporal server answers at the beginning',
    },
    environment: [...ENGINE_ENVIRONMENT, 'NO_COLOR'],
    seeAlso: ['status', 'logs', 'attach', 'retry'],
  });
}
