import type { Command } from 'commander';
import { usageError } from '../errors.ts';
import type { ServerOptions } from '../server/server-options.ts';
import type { DevAllows } from './dev-places.ts';

/** The options of a command that can run with a server of its own. */
export interface EphemeralOptions extends DevAllows {
  readonly ephemeral?: true;
}

export function withEphemeralOptions(command: Command): Command {
  return command
    .option('--ephemeral', 'start a server and a worker for this command only')
    .option('--identities <dirs>', 'with --ephemeral: keys that it may use: directories, or agent')
    .option('--secrets', 'with --ephemeral: let it use the secrets of this environment (CHANDLER_SECRETS_…)');
}

/** Whether the command brings its own server. @throws CliError usage for options that contradict each other */
export function isEphemeral(options: EphemeralOptions & ServerOptions): boolean {
  const { ephemeral = false, identities, secrets, address } = options;
  if (ephemeral && address !== undefined)
    throw usageError('--ephemeral starts its own server: leave out --address');
  if (!ephemeral && identities !== undefined)
    throw usageError('--identities is for the worker of --ephemeral');
  if (!ephemeral && secrets) throw usageError('--secrets is for the worker of --ephemeral');
  return ephemeral;
}
