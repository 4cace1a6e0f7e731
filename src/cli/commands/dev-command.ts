import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { WorkerConfig } from '../../config/config.ts';
import type { DevServer } from '../../dev/temporal/index.ts';
import { searchAttributes } from '../../domain/run/search-attributes.ts';
import { aborted, announceOn, print, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import { requireIdentities, type DevAllows } from '../local/dev-places.ts';
import { startDevWorker } from '../local/dev-worker.ts';
import { devDir } from '../local/state-dirs.ts';
import { type Act, wholeNumber } from './act.ts';

interface DevOptions extends DevAllows {
  readonly data?: string;
  readonly temporalCli?: string;
  readonly port?: number;
  readonly uiPort?: number;
}

export function addDev(program: Command, act: Act): void {
  const dev = program
    .command('dev')
    .option('--data <dir>', 'where the server keeps runs (default: $XDG_STATE_HOME/chandler/dev)')
    .option('--identities <dirs>', "keys that runs may use besides the sandbox's: directories, or agent")
    .option('--secrets', 'let runs use the secrets of this environment (CHANDLER_SECRETS_…)')
    .option('--temporal-cli <path>', 'the Temporal CLI (default: found in PATH, or fetched)')
    .option('--port <port>', 'port of the server (default: a free one)', wholeNumber(1))
    .option('--ui-port <port>', 'port of its UI (default: a free one)', wholeNumber(1))
    .action(act.untilStopped(runDev));
  describe(dev, {
    group: 'Run the parts:',
    summary: 'start a Temporal dev server and a worker, until Ctrl-C',
    about:
      'Everything that runs need, on this machine, for one person: a Temporal server with its UI, and a worker. The other commands find it by themselves, wherever its data is; if several run, commands ask you to choose one. Runs are kept in a file and continue at the next start. The first Ctrl-C stops both cleanly, the second at once.\n\nThe server has no login: every program and user of this machine can start runs on it. So the worker logs in to the hosts of `sandbox` only and reads no secrets, unless --identities and --secrets allow more. Keys of --identities are checked against CHANDLER_KNOWN_HOSTS or ~/.ssh/known_hosts.',
    examples: {
      'chandler dev': 'Everything in its usual place.',
      'chandler dev --identities ~/.ssh': 'Runs may log in to the hosts that these keys open.',
      'chandler dev --data /srv/chandler --port 7233 --ui-port 8233': 'Runs kept elsewhere, fixed ports.',
    },
    exits: {
      provisioned: 'it was stopped by Ctrl-C',
      interrupted: 'it was stopped by a second Ctrl-C, at once',
    },
    environment: [
      'TEMPORAL_NAMESPACE',
      'CHANDLER_TASK_QUEUE',
      'CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…',
      'CHANDLER_LOG_LEVEL',
      'XDG_STATE_HOME',
    ],
    seeAlso: ['sandbox up', 'up', 'worker'],
  });
}

async function runDev(context: CliContext, options: DevOptions): Promise<number> {
  const [{ loadConfig }, { defaultCacheDir, findTemporalCli, startDevServer }, { recordDevDir }] =
    await Promise.all([
      import('../../config/config.ts'),
      import('../../dev/temporal/index.ts'),
      import('../local/dev-servers.ts'),
    ]);
  const { env, signal } = context;
  const config = loadConfig(env);
  const announce = announceOn(context);
  await requireIdentities(options);
  const dir = resolve(options.data ?? devDir(context));
  await keepPrivate(dir);
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
    signal,
  });
  let forget: (() => Promise<void>) | undefined;
  const stopNow = () => void server.stop({ graceMs: 0 });
  context.force.addEventListener('abort', stopNow);
  try {
    forget = await recordDevDir(context, dir);
    return await work(context, config, server, dir, options);
  } finally {
    await server.stop();
    await forget?.();
    context.force.removeEventListener('abort', stopNow);
  }
}

/** Makes everything that this process and the server write readable by this user only, including files of an earlier start. */
async function keepPrivate(dir: string): Promise<void> {
  process.umask(0o077);
  await mkdir(dir, { recursive: true });
  const left = (await readdir(dir, { withFileTypes: true })).filter(
    (entry) => entry.isFile() && /^(temporal\.db|server\.|worker\.log|known_hosts)/.test(entry.name),
  );
  await Promise.all(left.map(({ name }) => chmod(join(dir, name), 0o600)));
}

async function work(
  context: CliContext,
  config: WorkerConfig,
  server: DevServer,
  dir: string,
  allows: DevAllows,
): Promise<number> {
  context.signal.throwIfAborted();
  const uiUrl = config.uiUrl ?? server.uiUrl;
  const worker = await startDevWorker(context, { ...config, uiUrl }, server, dir, allows);
  print(context, ...renderReady(context, server, { taskQueue: config.temporal.taskQueue, dir, ...allows }));
  await Promise.race([worker.done, aborted(context.signal)]);
  print(context, '', 'Stopping the worker (steps on hosts run on), then the server. Ctrl-C again: at once.');
  if (context.signal.aborted) worker.stop();
  await Promise.race([worker.done, aborted(context.force)]);
  return context.force.aborted ? exitCodes.interrupted : 0;
}

export function renderReady(
  { program }: Pick<CliContext, 'program'>,
  { address, uiUrl }: Pick<DevServer, 'address' | 'uiUrl'>,
  {
    taskQueue,
    dir,
    identities,
    secrets = false,
  }: DevAllows & { readonly taskQueue: string; readonly dir: string },
): string[] {
  return [
    `Temporal    ${address}`,
    `UI          ${uiUrl}`,
    `Task queue  ${taskQueue}`,
    `Logs        ${dir}/worker.log, ${dir}/server.log`,
    `Keys        those of sandbox hosts${identities === undefined ? ' only; for others: --identities DIR' : `, and ${identities}`}`,
    `Secrets     ${secrets ? 'those of this environment' : 'none; for those of this environment: --secrets'}`,
    '',
    'Ready. In another terminal:',
    `  ${program} sandbox up             make a host to try things on`,
    `  ${program} up PLAN                provision a host and watch`,
    `  ${program} status                 what runs`,
    'Ctrl-C stops both; runs continue at the next start.',
  ];
}
