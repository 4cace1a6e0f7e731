import type { ChandlerClient } from '../../client.ts';
import type { FleetHostStatus } from '../../domain/fleet/fleet-status.ts';
import type { HostState } from '../../domain/fleet/host-tally.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { colored, plain } from '../output/paint.ts';
import { printJson } from '../output/print-json.ts';
import { renderFleet, renderFleetHosts, renderFleets } from '../output/render-fleet.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { fleetSource, followFleet, type FollowFleetOptions } from './follow-fleet.ts';

const MAX_FLEETS = 100;
const PAGE = 500;

/** Shows a fleet, or lists the fleets. */
export function showFleet(
  context: CliContext,
  name: string | undefined,
  options: ServerOptions & { readonly json?: boolean },
): Promise<number> {
  return withClient(options, context, async (client) => {
    if (name === undefined) return listFleets(context, client, options.json === true);
    const status = await client.fleets.status(name);
    if (options.json) printJson(context.stdout, status);
    else {
      const columns = context.isTty ? context.terminalSize().columns : Infinity;
      const paint = context.color ? colored : plain;
      print(context, ...renderFleet(status, { nowMs: context.now(), columns, maxRows: Infinity, paint }));
    }
    return exitCodes.provisioned;
  });
}

async function listFleets(context: CliContext, client: ChandlerClient, json: boolean): Promise<number> {
  const fleets = await client.fleets.list({ limit: MAX_FLEETS });
  if (json) printJson(context.stdout, fleets);
  else if (fleets.length > 0) print(context, ...renderFleets(fleets, context.now()));
  else announceOn(context)(`No fleets. Start one with: ${context.program} fleet up PLAN --hosts FILE`);
  return exitCodes.provisioned;
}

/** Follows a fleet live. */
export function watchFleet(
  context: CliContext,
  name: string,
  options: ServerOptions & FollowFleetOptions,
): Promise<number> {
  return withClient(options, context, (client, server) => {
    const command = (...words: readonly string[]) => copyable(context, options, ...words);
    const source = fleetSource(context, options, { client, server }, name);
    return followFleet(context, source, { wait: true, ...options }, command);
  });
}

/** Lists the hosts of a fleet. */
export function showFleetHosts(
  context: CliContext,
  name: string,
  {
    state,
    json,
    ...options
  }: ServerOptions & { readonly state?: readonly HostState[]; readonly json?: boolean },
): Promise<number> {
  return withClient(options, context, async (client) => {
    const hosts = await readAllHosts(client, name, withOverdue(state));
    if (json) printJson(context.stdout, hosts);
    else if (hosts.length > 0) print(context, ...renderFleetHosts(hosts));
    else announceOn(context)('No host matches');
    return exitCodes.provisioned;
  });
}

/** Reads the hosts of a fleet page by page. */
export async function readAllHosts(
  client: ChandlerClient,
  name: string,
  states?: readonly HostState[],
): Promise<FleetHostStatus[]> {
  const hosts: FleetHostStatus[] = [];
  for (;;) {
    const page = await client.fleets.hosts(name, {
      offset: hosts.length,
      limit: PAGE,
      ...(states && { states }),
    });
    hosts.push(...page.hosts);
    if (page.hosts.length === 0 || hosts.length >= page.total) return hosts;
  }
}

/** A parked host that counts as failed is still parked. */
function withOverdue(states: readonly HostState[] | undefined): readonly HostState[] | undefined {
  return states?.includes('parked') ? [...states, 'overdue'] : states;
}
