export { createActivities } from './create-activities.ts';
export type { LeaseHolder } from './activity-types.ts';
export { memoryUsage, WaitSlots } from './wait-slots.ts';
