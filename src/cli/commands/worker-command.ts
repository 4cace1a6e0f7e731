import type { Command } from 'commander';
import { aborted, unlessForced, type CliContext } from '../context.ts';
import { findServer } from '../server/locate-server.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Act, describeServerCommand } from './act.ts';

export function addWorker(program: Command, act: Act): void {
  const worker = program.command('worker').action(act.untilStopped(runWorker));
  describeServerCommand(worker, {
    group: 'Run the parts:',
    summary: 'run a worker, until SIGTERM or Ctrl-C',
    about: `Does the work of the runs on its task queue: logs in to hosts, starts steps, waits for them. It keeps no state of its own: when it is restarted, here or elsewhere, it continues where it was. Run two, so that one can fail.

It is configured by its environment; a plan can name no key, secret or file but those in the places that the environment allows. It logs on standard error. The first signal stops it in order, and the steps on hosts run on; the second ends it at once.`,
    examples: {
      'chandler worker': 'Connect to the server that `chandler status` would ask.',
      'CHANDLER_IDENTITIES=/etc/chandler/keys TEMPORAL_ADDRESS=temporal:7233 chandler worker':
        'As a service.',
    },
    exits: {
      provisioned: 'it was stopped by a signal',
      interrupted: 'it was stopped by a second signal, at once',
    },
    environment: [
      'CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…',
      'CHANDLER_LOG_LEVEL',
      'CHANDLER_MAX_WAITS, CHANDLER_MAX_SHORT_ACTIVITIES, CHANDLER_SLOTS',
      'CHANDLER_SHUTDOWN_GRACE_MS',
    ],
    seeAlso: ['dev', 'status'],
  });
}

async function runWorker(context: CliContext, options: ServerOptions): Promise<number> {
  const [{ loadConfig }, { createLogger }] = await Promise.all([
    import('../../config/config.ts'),
    import('../../config/logger.ts'),
  ]);
  const config = loadConfig(context.env);
  const server = await findServer(options, context);
  const logger = createLogger(config.logLevel);
  // The SDK's native core takes most of a second to load; only commands that work need it.
  const { installRuntime, startWorker } = await import('../../worker.ts');
  installRuntime(logger);
  const starting = startWorker({ ...config, temporal: server }, server.address, logger);
  const worker = await unlessForced(context, starting);
  await Promise.race([worker.done, aborted(context.signal)]);
  if (context.signal.aborted) worker.stop();
  await Promise.race([worker.done, aborted(context.force)]);
  logger.info('worker stopped');
  return context.force.aborted ? exitCodes.interrupted : 0;
}
