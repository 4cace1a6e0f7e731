export { createActivities } from './create-activities.ts';
export type { LeaseHolder } from './lease-holder.ts';
export { memoryUsage, WaitSlots } from './wait-slots.ts';
