import { join } from 'node:path';
import type { WorkerConfig } from '../../config/config.ts';
import type { DevServer } from '../../dev/temporal/index.ts';
import type { RunningWorker } from '../../worker.ts';
import { unlessForced, type CliContext } from '../context.ts';
import { devPlaces, type DevAllows } from './dev-places.ts';
import { sandboxDir } from './state-dirs.ts';

/** Starts a worker in this process on a server of this machine. Its log and known_hosts are in `dir`. */
export async function startDevWorker(
  context: CliContext,
  config: WorkerConfig,
  server: DevServer,
  dir: string,
  allows: DevAllows,
): Promise<RunningWorker> {
  const { pino } = await import('pino');
  const log = join(dir, 'worker.log');
  const logger = pino({ level: config.logLevel, base: null }, pino.destination({ dest: log, sync: true }));
  // The SDK's native core takes most of a second to load; only commands that work need it.
  const { installRuntime, startWorker } = await import('../../worker.ts');
  installRuntime(logger);
  const own = { sandbox: sandboxDir(context), known: join(dir, 'known_hosts') };
  const places = devPlaces(config.places, own, allows);
  const temporal = { ...config.temporal, credentials: {} };
  return unlessForced(context, startWorker({ ...config, places, temporal }, server.address, logger));
}
