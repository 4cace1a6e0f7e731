import ms from 'ms';

/** A duration as written in a plan: `90s`, `5m`, `24h`, `1.5h`, or a number of milliseconds. */
export type Duration = string | number;

const TEXT = /^\d+(\.\d+)?\s?(ms|s|m|h|d)$/;

export function isDuration(value: string): boolean {
  return TEXT.test(value);
}

/** Milliseconds of a valid duration, or `fallbackMs` if there is none. */
export function durationMs(value: Duration | undefined, fallbackMs: number): number {
  if (value === undefined) return fallbackMs;
  return typeof value === 'number' ? value : ms(value as ms.StringValue);
}

/** A length of time for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
