import { type Command, Option } from 'commander';
import { definedOnly } from '../../domain/defined-only.ts';
import {
  fleetActions,
  type AbortFleet,
  type FleetActionInputs,
  type FleetActionName,
  type RetryHosts,
  type SetMaxFailures,
} from '../../domain/fleet/fleet-actions.ts';
import { usageError } from '../errors.ts';
import type { FleetActionOptions } from '../fleet/act-on-fleet.ts';
import { concurrencyOption, parseAmount } from '../fleet/rollout-options.ts';
import type { Manual } from '../manual.ts';
import { type Act, describeServerCommand } from './act.ts';

/** The actions on a fleet, each a subcommand. */
export function addFleetActions(fleet: Command, act: Act): void {
  for (const name of ['promote', 'pause', 'resume'] as const) addPlain(fleet, act, name);
  addRetry(fleet, act);
  addSkip(fleet, act);
  addSet(fleet, act);
  addAbort(fleet, act);
}

/** What a command sends. */
interface Request<Name extends FleetActionName> {
  readonly action: Name;
  readonly input: Omit<FleetActionInputs[Name], 'reason' | 'requestId'>;
  readonly question?: string;
}

/** The options of all actions. */
interface OwnOptions extends FleetActionOptions, SetMaxFailures, Pick<AbortFleet, 'running'> {
  readonly failed?: boolean;
  readonly notStarted?: boolean;
  readonly step?: string;
  readonly concurrency?: number;
}

interface ActionManual extends Pick<Manual, 'examples' | 'seeAlso'> {
  readonly summary: string;
  readonly details: string;
}

/** Completes the command of an action. `read` makes the request from its arguments and options. */
function addAction(
  command: Command,
  act: Act,
  { summary, details, examples, seeAlso = [] }: ActionManual,
  read: (args: readonly string[], options: OwnOptions) => Request<FleetActionName>,
): void {
  command
    .option('--reason <text>', 'why; kept in the audit trail')
    .option('--request-id <text>', 'the fleet applies an action with this id once, however often it is sent')
    .option('--json', 'print the status of the fleet as JSON')
    .action(
      act(async (context, ...given: unknown[]) => {
        const options = given.at(-2) as OwnOptions;
        const [name = '', ...args] = given.slice(0, -2).flat() as string[];
        const request = read(args, options);
        const { actOnFleet } = await import('../fleet/act-on-fleet.ts');
        return actOnFleet(context, name, request, options);
      }),
    );
  describeServerCommand(command, {
    summary,
    about: `${summary[0]?.toUpperCase()}${summary.slice(1)}. ${details}`,
    examples,
    exits: {
      provisioned: 'the fleet accepted it',
      failed: 'no worker answers',
      usage: 'wrong usage, no such fleet or host, or the fleet refused it (with the reason)',
    },
    seeAlso: [...seeAlso, 'fleet status'],
  });
}

const PLAIN = {
  promote: {
    examples: { 'chandler fleet promote web --reason "the canary is well"': 'After the canary.' },
    seeAlso: ['fleet abort'],
  },
  pause: {
    examples: { 'chandler fleet pause web --reason "mirror is down"': 'Running hosts continue.' },
    seeAlso: ['fleet resume'],
  },
  resume: { examples: { 'chandler fleet resume web': 'Continue.' }, seeAlso: ['fleet pause'] },
} as const;

function addPlain(fleet: Command, act: Act, action: keyof typeof PLAIN): void {
  const command = fleet.command(action).argument('<fleet>', 'its name');
  addAction(command, act, { ...fleetActions[action], ...PLAIN[action] }, () => ({ action, input: {} }));
}

function addRetry(fleet: Command, act: Act): void {
  const command = fleet
    .command('retry')
    .argument('<fleet>', 'its name')
    .argument('[host...]', 'the hosts; none with --failed, --not-started or --step')
    .option('--failed', 'all hosts that failed')
    .option('--not-started', 'all hosts that were skipped before they started')
    .option('--step <name>', 'this step on all hosts where it is parked, in their own runs');
  const manual = {
    summary: fleetActions.retry.summary,
    details: `${fleetActions.retry.details} With --step, a parked step runs again wherever it is parked.`,
    examples: {
      'chandler fleet retry web --failed': 'Once the cause is fixed.',
      'chandler fleet retry web web7 web9': 'Two hosts.',
      'chandler fleet retry web --step packages': 'One step, on every host where it is parked.',
    },
    seeAlso: ['fleet skip', 'fleet hosts'],
  };
  addAction(command, act, manual, (hosts, { failed, notStarted, step }) => {
    const ways = [hosts.length > 0, failed, notStarted, step !== undefined].filter(Boolean).length;
    if (ways !== 1) throw usageError('name hosts, or give one of --failed, --not-started and --step');
    if (step !== undefined) return { action: 'retryStep', input: { step } };
    const input: RetryHosts =
      hosts.length > 0 ? { hosts } : { which: failed === true ? 'failed' : 'notStarted' };
    return { action: 'retry', input };
  });
}

function addSkip(fleet: Command, act: Act): void {
  const command = fleet.command('skip').argument('<fleet>', 'its name').argument('<host...>', 'the hosts');
  const manual = {
    ...fleetActions.skipHosts,
    examples: { 'chandler fleet skip web web7 --reason "being replaced"': 'The fleet continues without it.' },
    seeAlso: ['fleet retry', 'fleet hosts'],
  };
  addAction(command, act, manual, (hosts) => ({ action: 'skipHosts', input: { hosts } }));
}

function addSet(fleet: Command, act: Act): void {
  const command = fleet
    .command('set')
    .argument('<fleet>', 'its name')
    .addOption(concurrencyOption())
    .option('--max-failures <amount>', 'how many hosts may fail: 3, or 5%', parseAmount)
    .option('--max-wave-failures <amount>', 'how many hosts of a wave may fail', parseAmount);
  const manual = {
    summary: 'change the concurrency, or the error budget',
    details: `${fleetActions.setConcurrency.details} ${fleetActions.setMaxFailures.details}`,
    examples: {
      'chandler fleet set web --concurrency 50': 'More at the same time.',
      'chandler fleet set web --max-failures 5%': 'A larger error budget.',
    },
    seeAlso: ['fleet pause'],
  };
  addAction(command, act, manual, (_, { concurrency, maxFailures, maxWaveFailures }) => {
    const limits = definedOnly({ maxFailures, maxWaveFailures });
    const hasLimits = Object.keys(limits).length > 0;
    if ((concurrency !== undefined) === hasLimits)
      throw usageError('give --concurrency, or --max-failures and --max-wave-failures');
    return concurrency === undefined
      ? { action: 'setMaxFailures', input: limits }
      : { action: 'setConcurrency', input: { concurrency } };
  });
}

function addAbort(fleet: Command, act: Act): void {
  const command = fleet
    .command('abort')
    .argument('<fleet>', 'its name')
    .addOption(
      new Option('--running <what>', 'what becomes of running hosts (default: finish)').choices([
        'finish',
        'end',
      ]),
    )
    .option('-y, --yes', 'do not ask for confirmation');
  const manual = {
    ...fleetActions.abort,
    examples: {
      'chandler fleet abort web --reason "wrong version"': 'Running hosts finish.',
      'chandler fleet abort web --running end --yes': 'Their runs are aborted, too.',
    },
    seeAlso: ['fleet pause'],
  };
  addAction(command, act, manual, (_, { running }) => ({
    action: 'abort',
    input: definedOnly({ running }),
    question:
      running === 'end'
        ? 'Abort the fleet and every open run of it?'
        : 'Abort the fleet and let running hosts finish?',
  }));
}
