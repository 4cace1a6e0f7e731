import type { ChandlerClient } from '../../client.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import type { FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { isCutOff } from '../../domain/run/execution-status.ts';
import type { FleetPace } from '../output/render-fleet.ts';

/** What the server and a fleet report about it. */
export interface FleetReading {
  /** Missing if it was cut off. */
  readonly status?: FleetStatus;
  /** Whether its workflow was terminated. */
  readonly isCutOff: boolean;
}

/** A fleet as a live view knows it. */
export interface FollowedFleet extends FleetReading {
  readonly pace?: FleetPace | undefined;
  /** How many hosts were over at times of the latest minutes. */
  readonly samples: readonly { readonly atMs: number; readonly over: number }[];
}

/** The pace is that of the latest minutes, because waves and hosts differ. */
const WINDOW_MS = 120_000;
/** A shorter time says nothing. */
const MIN_MS = 3_000;

/** Asks for the state of a fleet. A terminated one still answers, with the state that it had then. */
export async function fetchFleet(client: ChandlerClient, name: string): Promise<FleetReading> {
  if (await isFleetCutOff(client, name)) return { isCutOff: true };
  return { status: await client.fleets.status(name), isCutOff: false };
}

export async function isFleetCutOff({ temporal }: ChandlerClient, name: string): Promise<boolean> {
  const { status } = await temporal.workflow.getHandle(fleetWorkflowId(name)).describe();
  return isCutOff(status.name);
}

/** Adds what a fleet reports to what is known of it. */
export function updateFleet(
  before: FollowedFleet | undefined,
  { status = before?.status, isCutOff }: FleetReading,
  nowMs: number,
): FollowedFleet {
  if (!status || isCutOff || status.endedAtMs !== undefined)
    return { samples: [], isCutOff, ...(status && { status }) };
  const over = status.counts.done + status.counts.failed;
  // A time in which no host may start says nothing about the pace.
  if (status.gate || status.paused) return { status, isCutOff: false, samples: [{ atMs: nowMs, over }] };
  // A fleet that is followed from now on has its own past.
  const earlier = before?.samples ?? [{ atMs: Math.max(status.startedAtMs, nowMs - WINDOW_MS), over: 0 }];
  const kept = earlier.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
  const samples = [...(kept.length > 0 ? kept : earlier.slice(-1)), { atMs: nowMs, over }];
  return { status, isCutOff: false, samples, pace: paceOf(samples, status) };
}

/** How fast hosts of a fleet end; undefined while it is unknown. */
function paceOf(samples: FollowedFleet['samples'], { hosts, counts }: FleetStatus): FleetPace | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.over <= first.over || last.atMs - first.atMs < MIN_MS) return undefined;
  const perMs = (last.over - first.over) / (last.atMs - first.atMs);
  return { hostsPerMinute: perMs * 60_000, leftMs: (hosts - last.over - counts.parked) / perMs };
}
