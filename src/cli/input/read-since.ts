import { InvalidArgumentError } from 'commander';
import { durationMs, isDuration } from '../../domain/text/duration.ts';

const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Parses `10m` or an ISO 8601 time. Returns Unix seconds, or if negative seconds before now, by the server's or host's clock. */
export function readSince(text: string): number {
  if (isDuration(text)) return -Math.ceil(durationMs(text, 0) / 1000);
  const ms = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (ms >= 0) return Math.floor(ms / 1000);
  throw new InvalidArgumentError(
    'It must be a duration such as 90s, 10m or 2h, or a time such as 2025-01-31T03:15:00Z.',
  );
}
