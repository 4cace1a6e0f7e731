import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { pino } from 'pino';
import { loadConfig } from '../../config/config.ts';
import {
  defaultCacheDir,
  findTemporalCli,
  startDevServer,
  type DevServer,
} from '../../dev/temporal/index.ts';
import { searchAttributes } from '../../domain/search-attributes.ts';
import { aborted, announceOn, print, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { addSandboxPlaces } from '../sandbox-places.ts';
import { devDir, sandboxDir } from '../state-dirs.ts';
import { type Act, wholeNumber } from './act.ts';

interface DevOptions {
  readonly data?: string;
  readonly temporalCli?: string;
  readonly port?: number;
  readonly uiPort?: number;
}

export function addDev(program: Command, act: Act): void {
  program
    .command('dev')
    .description('start a Temporal dev server and a worker, until Ctrl-C')
    .option('--data <dir>', 'where the server keeps runs (default: $XDG_STATE_HOME/chandler/dev)')
    .option('--temporal-cli <path>', 'the Temporal CLI (default: found in PATH, or fetched)')
    .option('--port <port>', 'port of the server (default: a free one)', wholeNumber(1))
    .option('--ui-port <port>', 'port of its UI (default: a free one)', wholeNumber(1))
    .action(act.untilStopped((context, options: DevOptions) => runDev(context, options)));
}

async function runDev(context: CliContext, options: DevOptions): Promise<number> {
  const { env, signal } = context;
  const config = loadConfig(env);
  const announce = announceOn(context);
  const dir = options.data ?? devDir(context);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const cli = await findTemporalCli({
    explicit: options.temporalCli,
    env,
    cacheDir: defaultCacheDir(env),
    announce,
    signal,
  });
  const server = await startDevServer({
    cli: cli.path,
    dbFile: join(dir, 'temporal.db'),
    port: options.port,
    uiPort: options.uiPort,
    namespace: config.temporal.namespace,
    searchAttributes,
    announce,
  });
  const stopNow = () => void server.stop({ graceMs: 0 });
  context.force.addEventListener('abort', stopNow);
  try {
    return await work(context, server, dir);
  } finally {
    await server.stop();
    context.force.removeEventListener('abort', stopNow);
  }
}

/** Runs a worker beside the server until somebody stops it. */
async function work(context: CliContext, server: DevServer, dir: string): Promise<number> {
  context.signal.throwIfAborted();
  const config = loadConfig(context.env);
  const log = join(dir, 'worker.log');
  const logger = pino({ level: config.logLevel, base: null }, pino.destination({ dest: log, sync: true }));
  // The engine's native core takes most of a second to load; only commands that work need it.
  const { installRuntime, startWorker } = await import('../../worker.ts');
  installRuntime(logger);
  const places = addSandboxPlaces(config.places, sandboxDir(context));
  const temporal = { ...config.temporal, credentials: {} };
  const uiUrl = config.uiUrl ?? server.uiUrl;
  const worker = await startWorker({ ...config, places, temporal, uiUrl }, server.address, logger);
  print(context, ...renderReady(context, server, { taskQueue: config.temporal.taskQueue, dir }));
  await Promise.race([worker.done, aborted(context.signal)]);
  print(context, '', 'Stopping the worker (steps on hosts run on), then the server. Ctrl-C again: at once.');
  if (context.signal.aborted) worker.stop();
  await Promise.race([worker.done, aborted(context.force)]);
  return context.force.aborted ? exitCodes.interrupted : 0;
}

/** What a person needs to know once everything runs. */
export function renderReady(
  { program }: Pick<CliContext, 'program'>,
  { address, uiUrl }: Pick<DevServer, 'address' | 'uiUrl'>,
  { taskQueue, dir }: { readonly taskQueue: string; readonly dir: string },
): string[] {
  return [
    `Temporal    ${address}`,
    `UI          ${uiUrl}`,
    `Task queue  ${taskQueue}`,
    `Logs        ${dir}/worker.log, ${dir}/server.log`,
    '',
    'Ready. In another terminal:',
    `  ${program} sandbox up             make a host to try things on`,
    `  ${program} up PLAN                provision a host and watch`,
    `  ${program} status                 what runs`,
    'Ctrl-C stops both; runs go on at the next start.',
  ];
}
