import type { FleetActionInputs } from '../domain/fleet/fleet-actions.ts';
import type {
  FleetHostsPage,
  FleetHostsQuery,
  FleetResult,
  FleetStatus,
} from '../domain/fleet/fleet-status.ts';
import type { ActionInputs } from '../domain/run/actions.ts';
import type { Notification } from '../domain/run/notification.ts';
import type { RunStatus } from '../domain/run/status.ts';
import type { ProvisionResult } from '../workflows/run-kind.ts';
import type { RunFailure } from './types.ts';

/**
 * What a run or a fleet exchanges with programs in any language, by its name in schema/run.schema.json. `npm run schema` generates
 * that file from these types and their comments; tests compare it with what is really sent.
 */
export interface Exchange extends ActionInputs {
  /** The answer to the query `status`, and to every update. */
  readonly status: RunStatus;
  /** The result of the workflow. */
  readonly result: ProvisionResult;
  /** The first of the details of the failure with which the workflow ends. Its type is the code of the failure. */
  readonly failure: RunFailure;
  /** The answer to the query `fleetStatus` of a fleet, and to every update. */
  readonly fleetStatus: FleetStatus;
  /** The argument of the query `fleetHosts`, and its answer. */
  readonly fleetHostsQuery: FleetHostsQuery;
  readonly fleetHostsPage: FleetHostsPage;
  /** The result of the workflow `provisionFleet`. */
  readonly fleetResult: FleetResult;
  /** The inputs of the actions on a fleet, by their names. */
  readonly fleetActions: FleetActionInputs;
  /** The body of a webhook, and the standard input of a hook. */
  readonly notification: Notification;
}
