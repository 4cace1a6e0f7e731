import { type Command, Option } from 'commander';
import { usageError } from '../errors.ts';
import { wholeNumber, withTargetOption, withValueOptions } from '../commands/act.ts';
import { withSshConfigOption } from './ssh-config-option.ts';

/** The options of a command that works on many hosts. */
export interface HostsOptions {
  readonly hosts?: string;
  readonly limit?: string;
  readonly parallel?: number;
}

/** Enough to hide that hosts are slow, and few enough for one jump host. */
export const DEFAULT_PARALLEL = 10;

/** Adds the options of a command that reads a plan, for its own target or for the hosts of an inventory. */
export function withPlanOptions(command: Command): Command {
  return withValueOptions(withTargetOption(withHostsOptions(withSshConfigOption(command))));
}

function withHostsOptions(command: Command): Command {
  return command
    .option('--hosts <file>', 'an inventory: a file, a command that prints one, or - (docs/hosts.md)')
    .option('--limit <pattern>', "only these hosts of the inventory, as in Ansible: 'web:&prod:!web3'")
    .addOption(
      new Option('--parallel <n>', `how many hosts at once (default: ${DEFAULT_PARALLEL})`).argParser(
        wholeNumber(1),
      ),
    );
}

/** Whether the options name hosts. @throws CliError usage for options that need --hosts, or cannot be combined with it */
export function hasHosts<T extends HostsOptions>(
  options: T,
  { plan, alone = {} }: { plan?: string | undefined; alone?: Readonly<Record<string, boolean>> } = {},
): options is T & { readonly hosts: string } {
  const { hosts, limit, parallel } = options;
  if (hosts === undefined) {
    if (limit !== undefined) throw usageError('--limit chooses from an inventory: give --hosts, too');
    if (parallel !== undefined) throw usageError('--parallel is for several hosts: give --hosts, too');
    return false;
  }
  if (hosts === '-' && plan === '-') throw usageError('the plan and the hosts cannot both be standard input');
  for (const [option, isGiven] of Object.entries(alone))
    if (isGiven) throw usageError(`${option} is for one host: it cannot be combined with --hosts`);
  return true;
}
