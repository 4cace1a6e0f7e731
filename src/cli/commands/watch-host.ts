import type { Command } from 'commander';
import type { WatchInput } from '../../domain/schema.ts';
import { announceOn, type CliContext } from '../context.ts';
import { copyable, runUrl, withClient, type EngineOptions } from '../engine.ts';
import { followRun, type FollowOptions } from '../follow.ts';
import { readTarget } from '../target-option.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';
import { withFollowOptions } from './up.ts';

interface WatchHostOptions extends EngineOptions, FollowOptions {
  readonly target?: readonly string[];
  readonly id?: string;
  readonly sentinel?: string;
  readonly timeout?: string;
  readonly parkTimeout?: string;
}

export function addWatchHost(program: Command, act: Act): void {
  const watch = program
    .command('watch-host')
    .description('follow a host that provisions itself (see `script`) and act on what fails')
    .argument('<target>', '[USER@]HOST[:PORT]');
  withFollowOptions(withEngineOptions(withTargetOption(watch)))
    .option('--id <id>', 'the id of the run (default: watch:HOST:PORT)')
    .option('--timeout <duration>', 'how long until the host must be provisioned (default 24h)')
    .option('--park-timeout <duration>', 'how long a failed step waits for a person (default 24h)')
    .option('--sentinel <path>', 'on the host, if its script is not one of ours')
    .action(
      act.untilStopped((context, target: string, options: WatchHostOptions) =>
        watchHost(context, target, options),
      ),
    );
}

async function watchHost(context: CliContext, target: string, options: WatchHostOptions): Promise<number> {
  const { id, sentinel, timeout, parkTimeout } = options;
  const input = {
    target: readTarget([target, ...(options.target ?? [])]),
    ...(sentinel !== undefined && { sentinel: { path: sentinel } }),
    ...(timeout !== undefined && { timeout }),
    ...(parkTimeout !== undefined && { parkTimeout }),
  } as unknown as WatchInput;
  return withClient(options, context, async (client, engine) => {
    const { workflowId } = await client.watch(input, id === undefined ? {} : { workflowId: id });
    const url = runUrl(engine, workflowId);
    announceOn(context)(`Watching ${workflowId}${url === undefined ? '' : `  ${url}`}`);
    return followRun(context, client, workflowId, options, (...words) =>
      copyable(context, options, ...words),
    );
  });
}
