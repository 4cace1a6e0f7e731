export { createActivities } from './create.ts';
export type { ActivityDeps } from './create.ts';
export type { Activities, LeaseHolder, LogPage } from './types.ts';
