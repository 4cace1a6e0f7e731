import { definedOnly } from '../../domain/defined-only.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import { count } from '../../domain/text/count.ts';
import { announceOn, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { HostsChoice } from '../hosts/read-hosts.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import type { RunOptions } from '../input/run-options.ts';
import { runUrl } from '../server/locate-server.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { fleetSource, followFleet, type FollowFleetOptions } from './follow-fleet.ts';
import { passesPreflight } from './preflight.ts';
import { readFleet } from './read-fleet.ts';
import type { RolloutOptions } from './rollout-options.ts';

export interface UpFleetOptions
  extends
    ServerOptions,
    PlanOptions,
    RunOptions,
    SshConfigOptions,
    HostsChoice,
    RolloutOptions,
    FollowFleetOptions {
  readonly preflight?: boolean;
}

const MAX_SEED = 0xffffffff;

/** Starts the rollout of a plan to the hosts of an inventory, and follows it. */
export async function upFleet(context: CliContext, file: string, options: UpFleetOptions): Promise<number> {
  const seed = options.order === 'shuffle' ? Math.floor(Math.random() * MAX_SEED) : undefined;
  const { input, plans } = await readFleet(file, definedOnly({ seed, ...options }), context);
  return withClient(options, context, async (client, server) => {
    if (options.preflight !== false && !(await passesPreflight(context, client, input, plans)))
      return exitCodes.failed;
    const { name } = input;
    await client.fleets.start(input);
    const url = runUrl(server, fleetWorkflowId(name));
    announceOn(context)(
      `Fleet ${name}: ${count(input.hosts.length, 'host')}${url === undefined ? '' : `  ${url}`}`,
    );
    const command = (...words: readonly string[]) => copyable(context, options, ...words);
    return followFleet(context, fleetSource(context, options, { client, server }, name), options, command);
  });
}
