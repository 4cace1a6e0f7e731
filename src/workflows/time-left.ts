/** What is left of a period that began at a moment. At least 1: the server accepts no shorter time. Milliseconds. */
export function timeLeftMs(periodMs: number, sinceMs = Date.now()): number {
  return Math.max(1, periodMs - (Date.now() - sinceMs));
}
