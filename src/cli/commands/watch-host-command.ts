import type { Command } from 'commander';
import type { WatchInput } from '../../domain/plan/schema.ts';
import { announceOn, type CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { runUrl } from '../server/locate-server.ts';
import { reconnecting, withClient } from '../server/with-client.ts';
import { followRun, type FollowOptions } from '../live/follow-run.ts';
import { SERVER_ENVIRONMENT } from '../environment.ts';
import { describe } from '../manual.ts';
import { readTarget } from '../input/target-option.ts';
import { type Act, withServerOptions, withTargetOption } from './act.ts';
import { FOLLOW_EXITS, withFollowOptions } from './up-command.ts';

interface WatchHostOptions extends ServerOptions, FollowOptions {
  readonly target?: readonly string[];
  readonly id?: string;
  readonly sentinel?: string;
  readonly timeout?: string;
  readonly parkTimeout?: string;
}

export function addWatchHost(program: Command, act: Act): void {
  const watch = program
    .command('watch-host')
    .argument('<target>', '[USER@]HOST[:PORT]')
    .option('--id <id>', 'the id of the run (default: watch:HOST:PORT)')
    .option('--timeout <duration>', 'how long until the host must be provisioned (default 24h)')
    .option('--park-timeout <duration>', 'how long a failed step waits for an operator (default 24h)')
    .option('--sentinel <host-path>', 'path on the host, if its script was not made by Chandler')
    .action(
      act.untilStopped((context, target: string, options: WatchHostOptions) =>
        watchHost(context, target, options),
      ),
    );
  withServerOptions(withFollowOptions(withTargetOption(watch)));
  describe(watch, {
    group: 'Provision:',
    summary: 'follow a host that provisions itself',
    about: `For hosts that run a program made by \`script\`: starts a run that follows the host until it is provisioned, and shows the same table as \`up\`. When a step fails the run needs attention; \`retry\` and \`skip\` make it take the host over and bring the rest to its end, \`abort\` ends the host's program with all it has started.

Ctrl-C stops following; the run continues.`,
    examples: [
      ['chandler watch-host root@10.0.0.7', 'Follow a host.'],
      [
        'chandler watch-host 10.0.0.7 --target identity=id_web --timeout 30m',
        'With another key, half an hour.',
      ],
    ],
    exits: FOLLOW_EXITS,
    environment: SERVER_ENVIRONMENT,
    seeAlso: ['script', 'status', 'retry', 'skip', 'abort'],
  });
}

async function watchHost(context: CliContext, target: string, options: WatchHostOptions): Promise<number> {
  const { id, sentinel, timeout, parkTimeout } = options;
  const input = {
    target: readTarget([target, ...(options.target ?? [])]),
    ...(sentinel !== undefined && { sentinel: { path: sentinel } }),
    ...(timeout !== undefined && { timeout }),
    ...(parkTimeout !== undefined && { parkTimeout }),
  } as unknown as WatchInput;
  return withClient(options, context, async (client, server) => {
    const { workflowId } = await client.watch(input, id === undefined ? {} : { workflowId: id });
    const url = runUrl(server, workflowId);
    announceOn(context)(`Watching ${workflowId}${url === undefined ? '' : `  ${url}`}`);
    const source = { client, workflowId, connect: reconnecting(options, context, workflowId) };
    return followRun(context, source, options, (...words) => copyable(context, options, ...words));
  });
}
