import { connect as connectSocket } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { ChandlerClient } from '../client.ts';
import type { TemporalCredentials } from '../config/config.ts';
import { messageOf } from '../domain/failure.ts';
import { runPage } from '../domain/run-url.ts';
import { quote } from '../shell/index.ts';
import { aborted, detailOn, type CliContext } from './context.ts';
import { CliError, isNotFound } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { suggestRuns } from './near-ids.ts';
import { devDir } from './state-dirs.ts';
import { tellCalls } from './tell-calls.ts';

/** The options of every command that talks to the engine. */
export interface EngineOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
}

/** The engine to talk to. */
export interface Engine {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly credentials: TemporalCredentials;
  /** The address of its UI, as far as it is known. */
  readonly uiUrl: string | undefined;
}

const DEFAULT_ADDRESS = '127.0.0.1:7233';
const DEV = '`chandler dev`';
const PROBE_MS = 5000;

/**
 * Where the engine should be: the option, TEMPORAL_ADDRESS, the `chandler dev` that runs, the default. `origin` says which.
 *
 * @throws ChandlerError invalid-input for settings that are wrong
 */
export async function locateEngine(
  options: EngineOptions,
  context: CliContext,
): Promise<Engine & { readonly origin: string }> {
  const [{ loadConfig }, { readDevServer }] = await Promise.all([
    import('../config/config.ts'),
    import('../dev/temporal/index.ts'),
  ]);
  const detail = detailOn(context);
  const { temporal, uiUrl } = loadConfig(context.env);
  const dev = await readDevServer(devDir(context));
  const [address, origin] =
    options.address !== undefined
      ? [options.address, '--address']
      : temporal.address !== undefined
        ? [temporal.address, 'TEMPORAL_ADDRESS']
        : dev
          ? [dev.address, DEV]
          : [DEFAULT_ADDRESS, 'the default; no --address, no TEMPORAL_ADDRESS, no running `chandler dev`'];
  detail(`the Temporal server is ${address} (${origin})`);
  const namespace = options.namespace ?? temporal.namespace;
  const taskQueue = options.taskQueue ?? temporal.taskQueue;
  // The server of `chandler dev` wants none, and gets none.
  const credentials = origin === DEV ? {} : temporal.credentials;
  const kinds = Object.keys(credentials).join(', ') || 'no credentials';
  detail(`namespace ${namespace}, task queue ${taskQueue}, ${kinds}`);
  const ownUi = dev?.address === address ? dev.uiUrl : undefined;
  return { address, origin, namespace, taskQueue, credentials, uiUrl: uiUrl ?? ownUi };
}

/**
 * Finds the engine and sees that it answers.
 *
 * @throws CliError unreachable, with what was tried
 */
export async function findEngine(options: EngineOptions, context: CliContext): Promise<Engine> {
  const { origin, ...engine } = await locateEngine(options, context);
  const failure = await whyUnreachable(engine.address);
  if (failure === undefined) return engine;
  throw new CliError(
    exitCodes.unreachable,
    `no Temporal server answers at ${engine.address} (${origin}): ${failure}; start one with: ${context.program} dev`,
  );
}

/** Does something with a client, and closes it. */
export async function withClient<T>(
  options: EngineOptions,
  context: CliContext,
  work: (client: ChandlerClient, engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await findEngine(options, context);
  // A server that says nothing is waited for, but not by somebody who has pressed Ctrl-C.
  const client = await Promise.race([connectTo(engine, context), aborted(context.signal)]);
  if (!client) throw new CliError(exitCodes.interrupted, 'interrupted');
  try {
    return await work(client, engine);
  } catch (error) {
    throw isNotFound(error) ? await suggestRuns(client, error) : error;
  } finally {
    await client.close();
  }
}

/** Connects as the person who runs this program. @throws CliError unreachable */
export async function connectTo(engine: Engine, context: CliContext): Promise<ChandlerClient> {
  const { connect } = await import('../client.ts');
  const told = context.verbosity === 'verbose' && { interceptors: await tellCalls(detailOn(context)) };
  return connect({ ...engine, ...told, identity: whoami() }).catch((cause: unknown) => {
    throw new CliError(exitCodes.unreachable, messageOf(cause), {
      cause,
    });
  });
}

/** What runs record as the sender of a message. */
function whoami(): string {
  return `${userName()}@${hostname()}`;
}

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** A command for a person to copy that reaches the same engine. */
export function copyable(context: CliContext, options: EngineOptions, ...words: readonly string[]): string {
  return `${context.program} ${[...words, ...engineFlags(options)].map((word) => quote(word)).join(' ')}`;
}

/** The options that make another command reach the same engine. */
export function engineFlags(options: EngineOptions): string[] {
  return [
    ...(options.address === undefined ? [] : ['--address', options.address]),
    ...(options.namespace === undefined ? [] : ['--namespace', options.namespace]),
    ...(options.taskQueue === undefined ? [] : ['--task-queue', options.taskQueue]),
  ];
}

/** The page of a run in the UI. */
export function runUrl(engine: Engine, workflowId: string): string | undefined {
  return engine.uiUrl === undefined ? undefined : runPage(engine.uiUrl, engine.namespace, workflowId);
}

/**
 * Why nobody answers at an address; nothing if somebody does. A gRPC channel hides why it can't connect and takes its time; a
 * socket tells at once.
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
