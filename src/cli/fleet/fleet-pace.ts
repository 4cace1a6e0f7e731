import type { FleetStatus } from '../../domain/fleet/fleet-status.ts';
import type { FleetPace } from '../output/render-fleet.ts';

/** The pace is that of the latest minutes, because waves and hosts differ. */
const WINDOW_MS = 120_000;
/** A shorter time says nothing. */
const MIN_MS = 3_000;

/** Returns a function that measures how fast hosts of a fleet end, from statuses in the order of time. */
export function createPace(): (status: FleetStatus, nowMs: number) => FleetPace | undefined {
  const seen: { readonly atMs: number; readonly ended: number }[] = [];
  return ({ counts, hosts, startedAtMs, endedAtMs }, nowMs) => {
    if (endedAtMs !== undefined) return undefined;
    const ended = counts.done + counts.failed;
    // A fleet that is followed from now on has its own past.
    if (seen.length === 0) seen.push({ atMs: Math.max(startedAtMs, nowMs - WINDOW_MS), ended: 0 });
    seen.push({ atMs: nowMs, ended });
    while (seen.length > 2 && nowMs - (seen[0]?.atMs ?? nowMs) > WINDOW_MS) seen.shift();
    const [first] = seen;
    if (!first || ended <= first.ended || nowMs - first.atMs < MIN_MS) return undefined;
    const perMs = (ended - first.ended) / (nowMs - first.atMs);
    const left = hosts - ended - counts.parked;
    return { hostsPerMinute: perMs * 60_000, leftMs: left / perMs };
  };
}
