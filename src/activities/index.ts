export { createActivities } from './create.ts';
export type { LeaseHolder } from './types.ts';
