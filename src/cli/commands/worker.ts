import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { createLogger } from '../../observability/logger.ts';
import { aborted, type CliContext } from '../context.ts';
import { findEngine, type EngineOptions } from '../engine.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Act, withEngineOptions } from './act.ts';

export function addWorker(program: Command, act: Act): void {
  withEngineOptions(program.command('worker'))
    .description('run a worker, until SIGTERM or Ctrl-C; it is configured by the environment')
    .action(act.untilStopped((context, options: EngineOptions) => runWorker(context, options)));
}

async function runWorker(context: CliContext, options: EngineOptions): Promise<number> {
  const config = loadConfig(context.env);
  const engine = await findEngine(options, context);
  const logger = createLogger(config.logLevel);
  // The engine's native core takes most of a second to load; only commands that work need it.
  const { installRuntime, startWorker } = await import('../../worker.ts');
  installRuntime(logger);
  const worker = await startWorker({ ...config, temporal: engine }, engine.address, logger);
  await Promise.race([worker.done, aborted(context.signal)]);
  if (context.signal.aborted) worker.stop();
  await Promise.race([worker.done, aborted(context.force)]);
  logger.info('worker stopped');
  return context.force.aborted ? exitCodes.interrupted : 0;
}
