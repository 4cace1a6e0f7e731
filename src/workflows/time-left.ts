/**
 * What is left of a period that began at `sinceMs`, in milliseconds. At least 1, because the server accepts no shorter timeout.
 */
export function timeLeftMs(periodMs: number, sinceMs = Date.now()): number {
  return Math.max(1, periodMs - (Date.now() - sinceMs));
}
