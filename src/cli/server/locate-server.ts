import { connect as connectSocket } from 'node:net';
import type { TemporalCredentials } from '../../config/config.ts';
import { runPage } from '../../domain/run/run-url.ts';
import { detailOn, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { FoundDevServer } from '../local/dev-servers.ts';
import type { ServerOptions } from './server-options.ts';

export interface Server {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly credentials: TemporalCredentials;
  readonly uiUrl: string | undefined;
}

const DEFAULT_ADDRESS = '127.0.0.1:7233';
const DEV = '`chandler dev`';
const PROBE_MS = 5000;

/**
 * Finds the server's address: the option, TEMPORAL_ADDRESS, a running `chandler dev`, or the default. `origin` names which one.
 *
 * @throws ChandlerError invalid-input for invalid settings; CliError usage if more than one `chandler dev` runs
 */
export async function locateServer(
  options: ServerOptions,
  context: CliContext,
): Promise<Server & { readonly origin: string }> {
  const [{ loadConfig }, { findDevServers }] = await Promise.all([
    import('../../config/config.ts'),
    import('../local/dev-servers.ts'),
  ]);
  const detail = detailOn(context);
  const { temporal, uiUrl } = loadConfig(context.env);
  const servers = await findDevServers(context);
  const [address, origin] =
    options.address !== undefined
      ? [options.address, '--address']
      : temporal.address !== undefined
        ? [temporal.address, 'TEMPORAL_ADDRESS']
        : servers.length > 0
          ? [chooseServer(servers).address, DEV]
          : [DEFAULT_ADDRESS, 'the default; no --address, no TEMPORAL_ADDRESS, no running `chandler dev`'];
  detail(`the Temporal server is ${address} (${origin})`);
  const namespace = options.namespace ?? temporal.namespace;
  const taskQueue = options.taskQueue ?? temporal.taskQueue;
  // The server of `chandler dev` has no login; credentials are for other servers.
  const credentials = origin === DEV ? {} : temporal.credentials;
  const kinds = Object.keys(credentials).join(', ') || 'no credentials';
  detail(`namespace ${namespace}, task queue ${taskQueue}, ${kinds}`);
  const ownUi = servers.find((server) => server.address === address)?.uiUrl;
  return { address, origin, namespace, taskQueue, credentials, uiUrl: uiUrl ?? ownUi };
}

/** Does not guess, because a run must not start on the wrong server. @throws CliError usage */
function chooseServer(servers: readonly FoundDevServer[]): FoundDevServer {
  const [first, ...others] = servers;
  if (first && others.length === 0) return first;
  const lines = servers.map(({ address, dir }) => `  --address ${address}   (data in ${dir})`);
  const text = `${servers.length} servers of ${DEV} run; choose one, or set TEMPORAL_ADDRESS:`;
  throw new CliError(exitCodes.usage, [text, ...lines].join('\n'));
}

/**
 * Finds the server and checks that it accepts connections.
 *
 * @throws CliError unreachable, with what was tried
 */
export async function findServer(options: ServerOptions, context: CliContext): Promise<Server> {
  const { origin, ...server } = await locateServer(options, context);
  const failure = await whyUnreachable(server.address);
  if (failure === undefined) return server;
  throw new CliError(
    exitCodes.unreachable,
    `no Temporal server answers at ${server.address} (${origin}): ${failure}; start one with: ${context.program} dev`,
  );
}

export function runUrl(server: Server, workflowId: string): string | undefined {
  return server.uiUrl === undefined ? undefined : runPage(server.uiUrl, server.namespace, workflowId);
}

/**
 * Returns why no server accepts connections at an address; undefined if one does. A gRPC channel reports that late and without
 * the reason, a socket at once.
 */
export function whyUnreachable(address: string): Promise<string | undefined> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (port === '') return Promise.resolve('it is not HOST:PORT');
  return new Promise((resolve) => {
    const socket = connectSocket({
      host: host.replace(/^\[|\]$/g, ''),
      port: Number(port),
      timeout: PROBE_MS,
    });
    const settle = (failure?: string) => {
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => settle());
    socket.once('timeout', () => settle(`no answer within ${PROBE_MS / 1000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}
