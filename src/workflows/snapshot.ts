import type { HostRef } from '../activities/activity-types.ts';
import type { Plan } from '../domain/plan/schema.ts';
import type { NotifySettings } from '../domain/run/notification.ts';
import type { PartSnapshot } from '../domain/run/part.ts';
import type { SearchAttribute } from '../domain/run/search-attributes.ts';
import type { RunStatus } from '../domain/run/status.ts';
import type { FleetLink } from './fleet/report-to-fleet.ts';
import { findPart, hostOf, makeRun, type Run } from './run.ts';

/** The state of a run that continues as new. Its plan is another argument of the workflow. */
export interface RunSnapshot {
  readonly status: RunStatus;
  /** The state of the parts that is not in their status. */
  readonly parts: readonly PartSnapshot[];
  readonly host: HostRef;
  readonly owner: string;
  readonly lease?: string;
  readonly requests: readonly (readonly [string, string])[];
  readonly notify?: NotifySettings;
  readonly notified: readonly string[];
  readonly fleetLink?: FleetLink;
  readonly searchAttributes: readonly SearchAttribute[];
}

/** @throws TypeError before the host was prepared */
export function takeSnapshot(run: Run): RunSnapshot {
  const { status, parts, owner, lease, requests, notify, notified, fleetLink, searchAttributes } = run;
  return {
    status,
    parts: parts.map(({ snapshot }) => snapshot),
    host: hostOf(run),
    owner,
    ...(lease !== undefined && { lease }),
    requests: [...requests],
    ...(notify && { notify }),
    notified: [...notified],
    ...(fleetLink && { fleetLink }),
    searchAttributes,
  };
}

export function restoreRun(input: Plan, { parts, requests, notified, ...known }: RunSnapshot): Run {
  const run = makeRun(input, { ...known, requests: new Map(requests), notified: new Set(notified) });
  for (const part of parts) findPart(run, part)?.restore(part);
  return run;
}
