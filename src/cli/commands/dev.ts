import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { WorkerConfig } from '../../config/config.ts';
import type { DevServer } from '../../dev/temporal/index.ts';
import { searchAttributes } from '../../domain/search-attributes.ts';
import { aborted, announceOn, print, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe } from '../manual.ts';
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
  const dev = program
    .command('dev')
    .option('--data <dir>', 'where the server keeps runs (default: $XDG_STATE_HOME/chandler/dev)')
    .option('--temporal-cli <path>', 'the Temporal CLI (default: found in PATH, or fetched)')
    .option('--port <port>', 'port of the server (default: a free one)', wholeNumber(1))
    .option('--ui-port <port>', 'port of its UI (default: a free one)', wholeNumber(1))
    .action(act.untilStopped((context, options: DevOptions) => runDev(context, options)));
  describe(dev, {
    group: 'Run the parts:',
    summary: 'start a Temporal dev server and a worker, until Ctrl-C',
    about:
      'Everything that runs need, on this machine, for one person: a Temporal server with its UI, and a worker that may also log in to the hosts of `sandbox`. The other commands find it by themselves. Runs are kept in a file and go on at the next start. The first Ctrl-C stops both in order, the second at once.',
    examples: [
      ['chandler dev', 'Everything in its usual place.'],
      ['chandler dev --data /srv/chandler --port 7233 --ui-port 8233', 'Runs kept elsewhere, fixed ports.'],
    ],
    exits: {
      provisioned: 'it was stopped by Ctrl-C',
      interrupted: 'it was stopped by a second Ctrl-C, at once',
    },
    environment: [
      'TEMPORAL_NAMESPACE',
      'CHANDLER_TASK_QUEUE',
      'CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…',
      'CHANDLER_LOG_LEVEL',
      'XDG_STATE_HOME',
    ],
    seeAlso: ['sandbox up', 'up', 'worker'],
  });
}

async function runDev(context: CliContext, options: DevOptions): Promise<number> {
  const [{ loadConfig }, { defaultCacheDir, findTemporalCli, startDevServer }] = await Promise.all([
    import('../../config/config.ts'),
    import('../../dev/temporal/index.ts'),
  ]);
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
    return await work(context, config, server, dir);
  } finally {
    await server.stop();
    context.force.removeEventListener('abort', stopNow);
  }
}

/** Runs a worker beside the server until somebody stops it. */
async function work(
  context: CliContext,
  config: WorkerConfig,
  server: DevServer,
  dir: string,
): Promise<number> {
  context.signal.throwIfAborted();
  const { pino } = await import('pino');
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
