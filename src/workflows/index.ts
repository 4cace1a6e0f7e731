export { provision } from './provision.ts';
export { readStepLog } from './read-log.ts';
export type { ProvisionResult } from './provision.ts';
