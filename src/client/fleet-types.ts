import type { FleetActionInputs, FleetActionName } from '../domain/fleet/fleet-actions.ts';
import type {
  FleetHostsPage,
  FleetHostsQuery,
  FleetResult,
  FleetStatus,
} from '../domain/fleet/fleet-status.ts';
import type { FleetInput } from '../domain/fleet/schema.ts';
import type { RunFailure } from './types.ts';

/** How a fleet ended. `incomplete`: some hosts failed, not more than were allowed to. */
export type FleetEnd =
  | { readonly outcome: FleetResult['outcome']; readonly result: FleetResult }
  | { readonly outcome: 'failed' | 'aborted'; readonly failure: RunFailure };

/** What the server knows about a fleet without asking a worker. */
export interface FleetInfo {
  readonly name: string;
  /** As the server reports it: RUNNING, COMPLETED, FAILED, … */
  readonly status: string;
  /** Empty if the namespace lacks Chandler's search attributes. */
  readonly phase: string;
  /** False if the namespace lacks Chandler's search attributes. */
  readonly attention: boolean;
  /** How many hosts it has. */
  readonly hosts: number;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Milliseconds since the epoch; missing while it is open. */
  readonly endedAtMs?: number;
}

/** What can be done with fleets, by their names. */
export interface Fleets {
  /**
   * Starts the rollout of a plan to a fleet and returns.
   *
   * @throws ChandlerError invalid-input with every problem; lease-held if a fleet of that name is being rolled out
   */
  start(input: FleetInput): Promise<{ workflowId: string; runId: string }>;
  /** Returns the status of a fleet; also of a closed one, as long as the server keeps it and a worker runs. */
  status(name: string): Promise<FleetStatus>;
  /** Returns one page of the hosts of a fleet, in the order of the rollout. */
  hosts(name: string, query?: FleetHostsQuery): Promise<FleetHostsPage>;
  /**
   * Sends an action and returns the status once the fleet has accepted it; undefined while Temporal's workflow pause holds the
   * fleet.
   *
   * @throws ChandlerError invalid-input with why the fleet refuses it
   */
  act<Name extends FleetActionName>(
    name: string,
    action: Name,
    input: FleetActionInputs[Name],
  ): Promise<FleetStatus | undefined>;
  /** Waits until a fleet is over. Also resolves for failures. */
  result(name: string): Promise<FleetEnd>;
  /** Lists fleets, the latest first. Default `limit`: 100. */
  list(options?: { readonly limit?: number }): Promise<FleetInfo[]>;
}
