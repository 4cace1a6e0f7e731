import { hostname, userInfo } from 'node:os';
import type { ChandlerClient } from '../../client.ts';
import { messageOf } from '../../domain/run/failure.ts';
import { aborted, detailOn, type CliContext } from '../context.ts';
import { CliError, isNotFound } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { findServer, type Server } from './locate-server.ts';
import { logRequests } from './log-requests.ts';
import type { ServerOptions } from './server-options.ts';
import { suggestRuns } from './suggest-runs.ts';

/** Runs `work` with a connected client, and closes the client. */
export async function withClient<T>(
  options: ServerOptions,
  context: CliContext,
  work: (client: ChandlerClient, server: Server) => Promise<T>,
): Promise<T> {
  const server = await findServer(options, context);
  // A server may accept the connection and stay silent, so Ctrl-C must end the wait.
  const client = await Promise.race([connectTo(server, context), aborted(context.signal)]);
  if (!client) throw new CliError(exitCodes.interrupted, 'interrupted');
  try {
    return await work(client, server);
  } catch (error) {
    throw isNotFound(error) ? await suggestRuns(client, error) : error;
  } finally {
    await client.close();
  }
}

/** Returns a function that finds the server again and connects to it, because a restarted server may have another address. */
export function reconnecting(
  options: ServerOptions,
  context: CliContext,
  id: string,
): () => Promise<ChandlerClient> {
  return async () => {
    return pinClient(await connectTo(await findServer(options, context), context), id, options);
  };
}

/** A client for which `id` means the run that the options name. */
export function pinClient(client: ChandlerClient, id: string, { runId }: ServerOptions): ChandlerClient {
  return runId === undefined ? client : client.pin(id, runId);
}

/** Connects with the name of this user as identity. @throws CliError unreachable */
export async function connectTo(server: Server, context: CliContext): Promise<ChandlerClient> {
  const { connect } = await import('../../client.ts');
  const logging = context.verbosity === 'verbose' && { interceptors: await logRequests(detailOn(context)) };
  return connect({ ...server, ...logging, identity: whoami() }).catch((cause: unknown) => {
    throw new CliError(exitCodes.unreachable, messageOf(cause), {
      cause,
    });
  });
}

/** The sender that runs record for actions. */
function whoami(): string {
  return `${userName()}@${hostname()}`;
}

/** In a container the user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
