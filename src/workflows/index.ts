/**
 * Runs for every unknown workflow type, so that sdk/refuse-unknown-workflows.ts can fail the run. Without it the SDK would fail
 * the workflow task for ever.
 */
export default async function unknownWorkflow(): Promise<void> {}

export { provision } from './provision.ts';
export { provisionFleet } from './fleet/provision-fleet.ts';
export { watchProvisioning } from '../self-provision/workflow/watch-provisioning.ts';
export { readStepLog } from './read-log.ts';
export { sendNotification } from '../notify/workflow/notifier.ts';
export { inspectHost } from '../inspect/workflow/inspection.ts';
export { cleanHost } from './clean-host.ts';
export type { CleanInput } from './clean-host.ts';
export { checkDrift } from '../inspect/workflow/check-drift.ts';
export type { CheckDriftInput } from '../inspect/workflow/check-drift.ts';
export type { InspectInput, Inspection } from '../inspect/workflow/inspection.ts';
export type { ProvisionResult } from './run-kind.ts';
