import { type Command, InvalidArgumentError } from 'commander';
import { definedOnly } from '../../domain/defined-only.ts';
import { actionNames, actions, type ActionInput, type ActionName } from '../../domain/run/actions.ts';
import { variableNameProblem } from '../../domain/plan/variable-name.ts';
import { isDuration } from '../../domain/text/duration.ts';
import type { ActionOptions } from '../actions/run-action.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readAll } from '../input/read-all.ts';
import type { Manual } from '../manual.ts';
import { type Act, describeServerCommand } from './act.ts';

export function addActionCommands(program: Command, act: Act): void {
  for (const name of actionNames) addActionCommand(program, act, name);
}

function addActionCommand(program: Command, act: Act, name: ActionName): void {
  const { command: word, summary, details, onStep, confirmMany } = actions[name];
  const { examples, seeAlso, batch } = MANUALS[name];
  const own = OWN_INPUTS[name];
  const command = program.command(word).argument('[id]', 'of the run; none with --query or --fleet');
  if (onStep) command.argument('[step]', 'its name; none with --query or --fleet');
  own?.declare(command);
  withActionOptions(command, { steps: onStep !== undefined, asks: confirmMany !== undefined });
  command.action(
    act(async (context, ...given: unknown[]) => {
      const options = given.at(-2) as OwnOptions;
      const args = given.slice(0, -2) as (string | undefined)[];
      const { input = {}, place = args } = (await own?.read(context, args, options)) ?? {};
      const { runAction } = await import('../actions/run-action.ts');
      return runAction(context, { name, input }, place, options);
    }),
  );
  const many = [
    BATCH,
    ...(confirmMany ? ['It asks for confirmation, or needs --yes.'] : []),
    ...(batch ?? []),
  ];
  const first = `${summary[0]?.toUpperCase()}${summary.slice(1)}.`;
  describeServerCommand(command, {
    group: 'Act on runs:',
    exits: {
      ...COMMON_EXITS,
      usage: confirmMany ? `${WRONG}, ${REFUSED}, or --yes was missing` : `${WRONG}, or ${REFUSED}`,
    },
    summary,
    about: `${first} ${details}\n\n${many.join(' ')}`,
    examples,
    seeAlso,
  });
}

function withActionOptions(
  command: Command,
  { steps, asks }: { readonly steps: boolean; readonly asks: boolean },
): void {
  command
    .option('--reason <text>', 'why; kept in the audit trail')
    .option('--request-id <text>', 'a run applies an action with this id once, however often it is sent')
    .option('--query <query>', 'send it to every open run that this visibility query of Temporal finds')
    .option(
      '--fleet <name>',
      "send it to every open run of this fleet, as plans name it: short for ChandlerFleet = 'NAME'",
    );
  if (steps) command.option('--step <name>', 'with --query or --fleet: only this step of each run');
  command.option('--dry-run', 'print what would be sent to which run, and send nothing');
  if (asks) command.option('-y, --yes', 'with --query or --fleet: do not ask for confirmation');
  command.option('--json', 'print one JSON object per line, one for each run');
}

const COMMON_EXITS = {
  provisioned: 'the run accepted it; with --query or --fleet: every run to which it applies accepted it',
  failed: 'no worker answers; with --query or --fleet: at least one run did not accept it',
} as const satisfies Manual['exits'];
const WRONG = 'wrong usage, no such run or step';
const REFUSED = 'the run refused it (with the reason)';

const BATCH =
  'With --query or --fleet it goes to every open run that is found, several at once. A line reports each run as soon as it has answered; a run whose worker is away does not delay the others.';

type ActionManual = Required<Pick<Manual, 'examples' | 'seeAlso'>> & { readonly batch?: readonly string[] };

const MANUALS: Readonly<Record<ActionName, ActionManual>> = {
  retryStep: {
    batch: ['Every parked step of a run is retried.'],
    examples: {
      'chandler retry provision:10.0.0.7:22 packages': 'Once the cause is fixed.',
      'chandler retry provision:10.0.0.7:22 packages --script fixed.sh --env MIRROR=eu':
        'With another script and one more variable.',
      'chandler retry provision:10.0.0.7:22 packages --force': 'End what the step runs and start it again.',
      "chandler retry --query 'ChandlerAttention = true' --dry-run": 'What would be retried, everywhere.',
      'chandler retry --fleet web --step packages --reason "mirror is back"': 'One step of a whole fleet.',
    },
    seeAlso: ['skip', 'abort', 'status', 'logs'],
  },
  skipStep: {
    examples: {
      'chandler skip provision:10.0.0.7:22 packages --reason "installed by hand"': 'After doing it by hand.',
      'chandler skip --fleet web --step motd --yes': 'A step that can be missing, on every host.',
    },
    seeAlso: ['retry', 'abort', 'status'],
  },
  abort: {
    examples: {
      'chandler abort provision:10.0.0.7:22 --reason "wrong host"': 'One run.',
      'chandler abort --fleet web --dry-run': 'Which runs of a fleet would be aborted.',
      'chandler abort --fleet web --yes': 'Abort them.',
    },
    seeAlso: ['pause', 'status'],
  },
  pause: {
    examples: {
      'chandler pause provision:10.0.0.7:22': 'One run.',
      'chandler pause --fleet web --reason "mirror is down"': 'A whole fleet.',
    },
    seeAlso: ['resume', 'abort'],
  },
  resume: {
    examples: {
      'chandler resume provision:10.0.0.7:22': 'One run.',
      'chandler resume --fleet web': 'A whole fleet.',
    },
    seeAlso: ['pause', 'status'],
  },
  extendTimeout: {
    batch: ['The duration is then its only argument.'],
    examples: {
      'chandler extend provision:10.0.0.7:22 packages 30m': 'A slow mirror, this time.',
      'chandler extend 30m --fleet web --step packages': 'A slow mirror, everywhere.',
    },
    seeAlso: ['status', 'retry'],
  },
};

interface OwnOptions extends ActionOptions {
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly resetDownstream?: boolean;
  readonly force?: boolean;
}

/** Arguments and options that only one action has. */
interface OwnInput {
  declare(command: Command): void;
  /** `place` is the run and the step if they are not the first arguments. */
  read(
    context: CliContext,
    args: readonly (string | undefined)[],
    options: OwnOptions,
  ): Promise<{ readonly input: ActionInput; readonly place?: readonly (string | undefined)[] }>;
}

const OWN_INPUTS: Readonly<Partial<Record<ActionName, OwnInput>>> = {
  retryStep: {
    declare(command) {
      command
        .option('--script <file>', "run this script in place of the plan's; - is standard input")
        .option(
          '--env <key=value>',
          'set this variable for the step; may be repeated; kept in the history: no secrets',
          addVariable,
        )
        .option('--force', 'end the latest launch if it runs, and start another')
        .option(
          '--reset-downstream',
          'also run again what needs the step, and the step itself even if it was done',
        );
    },
    async read(context, _, { script: file, env, resetDownstream, force }) {
      const script = file === undefined ? undefined : await readAll(file, context, `--script ${file}`);
      return { input: definedOnly({ script, env, resetDownstream, force }) };
    },
  },
  extendTimeout: {
    declare: (command) => void command.argument('[duration]', 'how much more: 90s, 10m, 2h'),
    async read({ program }, [first, second, third], { query, fleet }) {
      const isBatch = query !== undefined || fleet !== undefined;
      // With a query, the duration is the only argument.
      const [id, step, by] =
        isBatch && second === undefined ? [undefined, undefined, first] : [first, second, third];
      if (by === undefined || !isDuration(by)) {
        const usage = isBatch ? 'extend 10m --fleet web' : 'extend ID STEP 10m';
        throw new CliError(exitCodes.usage, `how much more time? For example: ${program} ${usage}`);
      }
      return { input: { by }, place: [id, step] };
    },
  },
};

function addVariable(text: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const problem = text.includes('=') ? variableNameProblem(name) : 'must be KEY=VALUE';
  if (problem !== undefined) throw new InvalidArgumentError(`It ${problem}.`);
  return { ...earlier, [name]: value };
}
