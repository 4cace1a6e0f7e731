export { provision } from './provision.ts';
export { watchProvisioning } from './watch.ts';
export { readStepLog } from './read-log.ts';
export { sendNotification } from './notify.ts';
export type { ProvisionResult } from './drive.ts';
