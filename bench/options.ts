import { Command, InvalidArgumentError, Option } from 'commander';
import { atLeast } from '../chaos/number-option.ts';

export const SECTIONS = ['compare', 'account', 'notice', 'start-up', 'waiting'] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface BenchOptions {
  readonly hosts: readonly number[];
  readonly rounds: number;
  readonly only?: SectionName;
  readonly out?: string;
}

/** Reads the command line; prints the help, or what is wrong, and exits. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  return makeProgram().parse(argv, { from: 'user' }).opts<BenchOptions>();
}

export function makeProgram(): Command {
  return new Command('npm run bench --')
    .description('Measures what runs cost, beside other tools that do the same work on the same hosts.')
    .option('--hosts <list>', 'numbers of hosts to compare with', hostCounts, [1, 10, 50])
    .option('--rounds <n>', 'rounds of each measurement, after one to warm up', atLeast(1), 3)
    .addOption(new Option('--only <section>', 'measures one section').choices(SECTIONS))
    .option(
      '--out <file>',
      'the page to write, with its plot in images/ beside it (default: docs/benchmarks.md, or standard output with --only)',
    );
}

export function hostCounts(text: string): number[] {
  const counts = text.split(',').map(Number);
  if (!counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 200))
    throw new InvalidArgumentError('must be numbers from 1 to 200, separated by commas');
  return [...new Set(counts)].sort((a, b) => a - b);
}
