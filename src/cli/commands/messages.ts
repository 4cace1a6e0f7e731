import { type Command, InvalidArgumentError } from 'commander';
import { isDuration } from '../../domain/duration.ts';
import { messageOf } from '../../domain/failure.ts';
import { refuseVariable } from '../../domain/variables.ts';
import type { CliContext } from '../context.ts';
import { describeDone } from '../describe-done.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import { isParked, mayRun } from '../orders.ts';
import { readAll } from '../read-all.ts';
import type { Act } from './act.ts';
import { BATCH_ABOUT, MESSAGE_MANUAL, reasonAndId, RUN_ARGUMENT, STEP_ARGUMENT } from './message-parts.ts';
import { send, withSendOptions, type SendOptions } from './send.ts';
import { addWholeRun } from './whole-run.ts';

interface RetryOptions extends SendOptions {
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly resetDownstream?: boolean;
}

/** Adds what a person can do to a run: one command each. */
export function addMessages(program: Command, act: Act): void {
  addRetry(program, act);
  addSkip(program, act);
  addExtend(program, act);
  addWholeRun(program, act);
}

function addRetry(program: Command, act: Act): void {
  const retry = program
    .command('retry')
    .argument('[id]', RUN_ARGUMENT)
    .argument('[step]', STEP_ARGUMENT)
    .option('--script <file>', "run this script in place of the plan's; - is standard input")
    .option(
      '--env <key=value>',
      'set this variable for the step; may be repeated; kept in the history: no secrets',
      addVariable,
    )
    .option('--reset-downstream', 'run again also what needs the step, and the step itself if it was done')
    .action(
      act(async (context, id: string | undefined, step: string | undefined, options: RetryOptions) => {
        const { env, resetDownstream, script: file } = options;
        const script = file === undefined ? undefined : await readScript(file, context);
        const extra = {
          ...(script !== undefined && { script }),
          ...(env && { env }),
          ...(resetDownstream && { resetDownstream }),
        };
        // Of a step that was done only a person who names it knows that it shall run again.
        const fits = resetDownstream && options.step !== undefined ? () => true : isParked;
        return send(context, id, step, options, {
          order: {
            action: 'retry',
            fits,
            unfit: 'nothing is parked',
            send: (client, id, step) => client.retry(id, { step, ...extra, ...reasonAndId(options, step) }),
          },
          done: (step) => describeDone({ action: 'retry', step }),
        });
      }),
    );
  describe(withSendOptions(retry, { steps: true }), {
    ...MESSAGE_MANUAL,
    summary: 'run a parked step, or its finalizer, again',
    about: `Runs a step that is parked again, as its next try; or its finalizer, if that is what is parked. It may get another script or more environment for that. With --reset-downstream a step that was done can be run again as well, with all that needs it, until the finalizers begin.

${BATCH_ABOUT} Every parked step of a run is retried.`,
    examples: [
      ['chandler retry provision:10.0.0.7:22 packages', 'Once the cause is mended.'],
      [
        'chandler retry provision:10.0.0.7:22 packages --script fixed.sh --env MIRROR=eu',
        'Otherwise than planned.',
      ],
      ["chandler retry --query 'ChandlerAttention = true' --dry-run", 'What would be retried, everywhere.'],
      ['chandler retry --fleet web --step packages --reason "mirror is back"', 'One step of a whole fleet.'],
    ],
    seeAlso: ['skip', 'abort', 'status', 'logs'],
  });
}

function addSkip(program: Command, act: Act): void {
  const skip = program
    .command('skip')
    .argument('[id]', RUN_ARGUMENT)
    .argument('[step]', STEP_ARGUMENT)
    .action(
      act((context, id: string | undefined, step: string | undefined, options: SendOptions) =>
        send(context, id, step, options, {
          order: {
            action: 'skip',
            fits: isParked,
            unfit: 'nothing is parked',
            send: (client, id, step) => client.skip(id, { step, ...reasonAndId(options, step) }),
          },
          done: (step) => describeDone({ action: 'skip', step }),
          ask: 'Treat what is parked as done in',
        }),
      ),
    );
  describe(withSendOptions(skip, { steps: true }), {
    ...MESSAGE_MANUAL,
    summary: 'treat a parked step, or its finalizer, as done',
    about: `Goes on as if a parked step, or its parked finalizer, had succeeded: what needs it begins, and the host may count as provisioned in the end. The run keeps who has skipped it, and why.

${BATCH_ABOUT} Since a host may then lack something it wants --yes, or a yes at the terminal.`,
    examples: [
      [
        'chandler skip provision:10.0.0.7:22 packages --reason "installed by hand"',
        'After doing it by hand.',
      ],
      ['chandler skip --fleet web --step motd --yes', 'A step that nobody misses, everywhere.'],
    ],
    seeAlso: ['retry', 'abort', 'status'],
  });
}

function addExtend(program: Command, act: Act): void {
  const extend = program
    .command('extend')
    .argument('[id]', RUN_ARGUMENT)
    .argument('[step]', STEP_ARGUMENT)
    .argument('[duration]', 'how much more: 90s, 10m, 2h')
    .action(
      act((context, ...[first, second, third, options]: [string?, string?, string?, SendOptions?]) => {
        const { query, fleet } = options ?? {};
        const many = query !== undefined || fleet !== undefined;
        // With a query the duration is all that is left to say.
        const [id, step, by] =
          many && second === undefined ? [undefined, undefined, first] : [first, second, third];
        if (by === undefined || !isDuration(by)) {
          const usage = many ? 'extend 10m --fleet web' : 'extend ID STEP 10m';
          throw new CliError(exitCodes.usage, `how much more time? For example: ${context.program} ${usage}`);
        }
        return send(context, id, step, options ?? {}, {
          order: {
            action: 'extend',
            fits: mayRun,
            unfit: 'nothing of it will run any more',
            send: (client, id, step) =>
              client.extendTimeout(id, { step, by, ...reasonAndId(options ?? {}, step) }),
          },
          done: (step) => describeDone({ action: 'extend', step, by }),
        });
      }),
    );
  describe(withSendOptions(extend, { steps: true }), {
    ...MESSAGE_MANUAL,
    summary: 'give a step more time than its timeout',
    about: `Adds to the timeout of a step, while it runs or before; also for its later tries and its finalizer.

${BATCH_ABOUT} The duration is its only argument then.`,
    examples: [
      ['chandler extend provision:10.0.0.7:22 packages 30m', 'A slow mirror, this time.'],
      ['chandler extend 30m --fleet web --step packages', 'A slow mirror, everywhere.'],
    ],
    seeAlso: ['status', 'retry'],
  });
}

function addVariable(text: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const problem = text.includes('=') ? refuseVariable(name) : 'must be KEY=VALUE';
  if (problem !== undefined) throw new InvalidArgumentError(`It ${problem}.`);
  return { ...earlier, [name]: value };
}

async function readScript(file: string, context: Pick<CliContext, 'stdin'>): Promise<string> {
  try {
    return await readAll(file, context);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new CliError(exitCodes.usage, `--script ${file}: ${reason}`, { cause });
  }
}
