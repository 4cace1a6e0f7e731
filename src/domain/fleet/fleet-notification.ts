import { definedOnly } from '../defined-only.ts';
import type { Notification, RunAddress } from '../run/notification.ts';
import { count } from '../text/count.ts';
import { oneLine } from '../text/plain-text.ts';
import type { FleetStatus } from './fleet-status.ts';

/** An event of a fleet that people are notified of. */
export type FleetEvent = 'fleet-attention' | 'fleet-over';

/** Names an event within its fleet: a fleet notifies of each reason once in each wave. */
export function fleetEventKey({ attention, wave, phase, endedAtMs }: FleetStatus): string | undefined {
  if (endedAtMs !== undefined) return `fleet-over:${phase}`;
  return attention && `fleet-attention:${attention.reason}:${wave}`;
}

/** Describes an event of a fleet. `key` is its {@link fleetEventKey}. */
export function describeFleetEvent(
  status: FleetStatus,
  key: string,
  run: RunAddress,
  nowMs: number,
): Notification {
  const { originalRunId, ...address } = run;
  const event: FleetEvent = key.startsWith('fleet-over') ? 'fleet-over' : 'fleet-attention';
  return definedOnly({
    id: `${originalRunId}:${key}`,
    event,
    text: textOf(event, status),
    ...address,
    host: `fleet ${oneLine(status.name)}`,
    plan: status.plan,
    fleet: status.name,
    at: new Date(status.endedAtMs ?? nowMs).toISOString(),
  });
}

function textOf(event: FleetEvent, { name, phase, attention, counts, hosts, skipped }: FleetStatus): string {
  const fleet = `Fleet ${oneLine(name)}`;
  if (event === 'fleet-attention')
    return `${fleet} needs attention: ${attention?.message}\n${attention?.advice}`;
  const { done, failed, pending } = counts;
  const details = [
    `${done} of ${count(hosts, 'host')} done`,
    ...(skipped > 0 ? [`${skipped} of them skipped`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pending > 0 ? [`${pending} not started`] : []),
  ];
  return `${fleet} is ${phase}: ${details.join(', ')}`;
}
