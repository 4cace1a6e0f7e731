import type { Command } from 'commander';
import { describeDone } from '../describe-done.ts';
import { describe, type Manual } from '../manual.ts';
import type { Act } from './act.ts';
import { BATCH_ABOUT, MESSAGE_MANUAL, reasonAndId, RUN_ARGUMENT } from './message-parts.ts';
import { send, withSendOptions, type SendOptions } from './send.ts';

const WHOLE = {
  abort: {
    ask: 'End, with everything of them that still runs,',
    summary: 'end a run and everything of it that still runs',
    about: `Ends what the run has started on the host and still runs there; no finalizer runs and no sentinel is written. Answers before that has happened. What finished steps have left running, such as services, is not ended.

${BATCH_ABOUT} It wants --yes then, or a yes at the terminal.`,
    examples: [
      ['chandler abort provision:10.0.0.7:22 --reason "wrong host"', 'One run.'],
      ['chandler abort --fleet web --dry-run', 'Which runs of a fleet would be ended.'],
      ['chandler abort --fleet web --yes', 'End them.'],
    ],
    seeAlso: ['pause', 'status'],
  },
  pause: {
    summary: 'start no further step',
    about: `Steps that run go on to their end; none begins until resume. A host that runs its own script can't be paused.

${BATCH_ABOUT}`,
    examples: [
      ['chandler pause provision:10.0.0.7:22', 'One run.'],
      ['chandler pause --fleet web --reason "mirror is down"', 'A whole fleet.'],
    ],
    seeAlso: ['resume', 'abort'],
  },
  resume: {
    summary: 'go on after a pause',
    about: `Ends a pause: steps that are ready begin.

${BATCH_ABOUT}`,
    examples: [
      ['chandler resume provision:10.0.0.7:22', 'One run.'],
      ['chandler resume --fleet web', 'A whole fleet.'],
    ],
    seeAlso: ['pause', 'status'],
  },
} as const satisfies Record<string, Whole>;

/** Adds the messages that are about a run as a whole. */
export function addWholeRun(program: Command, act: Act): void {
  for (const [action, { ask, ...manual }] of Object.entries(WHOLE as Record<keyof typeof WHOLE, Whole>)) {
    const name = action as keyof typeof WHOLE;
    const command = program
      .command(name)
      .argument('[id]', RUN_ARGUMENT)
      .action(
        act((context, id: string | undefined, options: SendOptions) =>
          send(context, id, undefined, options, {
            order: { action, send: (client, id) => client[name](id, reasonAndId(options)) },
            done: () => describeDone({ action: name }),
            ...(ask !== undefined && { ask }),
          }),
        ),
      );
    describe(withSendOptions(command, { steps: false }), { ...MESSAGE_MANUAL, ...manual });
  }
}
type Whole = Omit<Manual, 'group'> & { readonly ask?: string };
