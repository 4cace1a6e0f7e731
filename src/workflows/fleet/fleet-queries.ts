import { defineQuery, setHandler } from '@temporalio/workflow';
import type { FleetHostsPage, FleetHostsQuery, FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { isRecord } from '../../domain/is-record.ts';
import { describeFleet, describeHosts } from './describe-fleet.ts';
import type { Fleet } from './fleet.ts';

export const fleetStatusQuery = defineQuery<FleetStatus>('fleetStatus');
export const fleetHostsQuery = defineQuery<FleetHostsPage, unknown[]>('fleetHosts');

export function answerFleetQueries(fleet: Fleet): void {
  setHandler(fleetStatusQuery, () => describeFleet(fleet), {
    description: 'The status of the fleet: counts, waves, and the hosts to inspect first.',
  });
  // A client puts a mark before its query when it asks a fleet that was terminated.
  setHandler(fleetHostsQuery, (...args) => describeHosts(fleet, args.find(isRecord) as FleetHostsQuery), {
    description: 'One page of the hosts: {"states": ["failed"], "offset": 0, "limit": 100}.',
  });
}
