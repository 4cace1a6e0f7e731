import ms from 'ms';

/** A duration as written in a plan: `90s`, `5m`, `24h`, `1.5h`, or a number of milliseconds. */
export type Duration = string | number;

/** How a duration is written. */
export const DURATION_TEXT = /^\d{1,9}(\.\d{1,6})?\s?(ms|s|m|h|d)$/;
/** A year. Every timer of the server accepts it; longer durations are mistakes. */
const MAX_MS = 365 * 86_400_000;

/** Whether a value is a duration between a millisecond (0 means "none" to the server) and a year. */
export function isDuration(value: Duration): boolean {
  if (typeof value === 'string' && !DURATION_TEXT.test(value)) return false;
  const milliseconds = durationMs(value, 0);
  return milliseconds >= 1 && milliseconds <= MAX_MS;
}

/** Converts a valid duration to whole milliseconds. */
export function durationMs(value: Duration | undefined, fallbackMs: number): number {
  if (value === undefined) return fallbackMs;
  return typeof value === 'number' ? value : Math.round(ms(value as ms.StringValue));
}

/** Formats a time of day in the local time zone: `12:03:04`. */
export function formatClock(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

/** Formats remaining time: `45 s`, `14 min`, `2 h 10 min`. */
export function formatTimeLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}

/** Formats elapsed time: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
