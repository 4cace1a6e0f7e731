import { type Command, InvalidArgumentError } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import type { CliContext } from '../context.ts';
import { pinClient, withClient } from './with-client.ts';
import type { Server } from './locate-server.ts';
import type { ServerOptions } from './server-options.ts';

export function withRunIdOption(command: Command): Command {
  return command.option(
    '--run-id <run-id>',
    'an earlier run of the id; `chandler status ID` names them',
    readRunId,
  );
}

function readRunId(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new InvalidArgumentError('It must be the run id of Temporal, 36 characters long.');
}

/** Like `withClient`, with a client for which `id` means the run that the options select: the latest, or an earlier one. */
export function withRun<T>(
  options: ServerOptions,
  context: CliContext,
  id: string,
  work: (client: ChandlerClient, server: Server) => Promise<T>,
): Promise<T> {
  return withClient(options, context, async (client, server) => work(pinClient(client, id, options), server));
}
