import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { definedOnly } from '../../domain/defined-only.ts';
import { isAmount, type Amount } from '../../domain/fleet/amount.ts';
import { fleetLimits } from '../../domain/fleet/limits.ts';
import type { FleetInput } from '../../domain/fleet/schema.ts';
import { isDuration } from '../../domain/text/duration.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import { wholeNumber } from '../commands/act.ts';
import { usageError } from '../errors.ts';

/** How a fleet reaches its hosts, as options. */
export interface RolloutOptions {
  readonly name?: string;
  readonly waves?: FleetInput['waves'];
  /** `promote`, or a duration. */
  readonly pause?: string;
  readonly check?: string;
  readonly concurrency?: number;
  readonly slowStart?: string | 0;
  readonly maxFailures?: Amount;
  readonly maxWaveFailures?: Amount;
  readonly parkGrace?: string;
  readonly order?: FleetInput['order'];
  readonly seed?: number;
}

export function withRolloutOptions(command: Command): Command {
  return command
    .option('--name <name>', 'the name of the fleet (default: the fleet or name of the plan, or of its file)')
    .option(
      '--waves <sizes>',
      'sizes of the waves: 1,5,20%,100%, of which the last repeats; label=NAME for a wave of each value',
      parseWaves,
    )
    .option('--pause <what>', 'between two waves: promote waits for that action, 10m for a time', parsePause)
    .option(
      '--check <file>',
      'between two waves: a script that must exit with 0 on a finished host of the wave',
    )
    .addOption(concurrencyOption())
    .option(
      '--slow-start <duration>',
      'how long a wave takes to reach the full concurrency; 0 means at once (default: 2s)',
      parseStart,
    )
    .option('--max-failures <amount>', 'how many hosts may fail: 3, or 5% (default: 0)', parseAmount)
    .option('--max-wave-failures <amount>', 'how many hosts of a wave may fail', parseAmount)
    .option(
      '--park-grace <duration>',
      'a host may need attention for this long before it counts as failed',
      parseTime,
    )
    .addOption(
      new Option('--order <order>', 'of the hosts (default: inventory)').choices([
        'inventory',
        'sorted',
        'reverse',
        'shuffle',
      ]),
    )
    .option('--seed <n>', 'makes a shuffle repeatable', wholeNumber(0));
}

export function concurrencyOption(): Option {
  return new Option('--concurrency <n>', 'how many hosts at the same time (default: 20)').argParser(
    (text: string) => {
      const value = wholeNumber(1)(text);
      if (value > fleetLimits.concurrency)
        throw new InvalidArgumentError(`It must be at most ${fleetLimits.concurrency}.`);
      return value;
    },
  );
}

/** Returns the keys of a fleet's input that the options set. @throws CliError usage */
export function readRollout(options: RolloutOptions): Partial<FleetInput> {
  const {
    waves,
    pause,
    check,
    concurrency,
    slowStart,
    maxFailures,
    maxWaveFailures,
    parkGrace,
    order,
    seed,
  } = options;
  if (pause !== undefined && check !== undefined) throw usageError('either --pause or --check, not both');
  const between = check === undefined ? pause : { check: readScript(check) };
  return definedOnly({
    waves,
    pause: between === 'promote' ? {} : between,
    concurrency,
    slowStart,
    maxFailures,
    maxWaveFailures,
    parkGrace,
    order,
    seed,
  });
}

function readScript(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`--check ${file}: ${reasonOf(error)}`);
  }
}

export function parseAmount(text: string): Amount {
  const amount = /^\d+$/.test(text) ? Number(text) : text;
  if (!isAmount(amount))
    throw new InvalidArgumentError('It must be a number of hosts, or a share such as 20%.');
  return amount;
}

function parseWaves(text: string): NonNullable<FleetInput['waves']> {
  const [, label] = /^label=(.+)$/s.exec(text) ?? [];
  if (label !== undefined) return { label };
  return text.split(',').map((part) => parseAmount(part.trim()));
}

function parsePause(text: string): string {
  if (text !== 'promote' && !isDuration(text))
    throw new InvalidArgumentError('It must be promote, or a duration such as 10m.');
  return text;
}

function parseTime(text: string): string {
  if (!isDuration(text)) throw new InvalidArgumentError('It must be a duration such as 10m.');
  return text;
}

function parseStart(text: string): string | 0 {
  return text === '0' ? 0 : parseTime(text);
}
