import {
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Admission } from '../../activities/activity-types.ts';
import type { FleetResult, FleetStatus } from '../../domain/fleet/fleet-status.ts';
import type { FleetInput } from '../../domain/fleet/schema.ts';
import { formatProblems } from '../../domain/plan/problems.ts';
import { code } from '../../domain/text/markdown.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { failureOf, workflowFailure } from '../failures.ts';
import { admitFleet } from '../proxies.ts';
import { readInput } from '../read-input.ts';
import { driveFleet } from './drive-fleet.ts';
import { fleetHostsQuery, fleetStatusQuery } from './fleet-queries.ts';
import { beginFleet, restoreFleet, takeFleetSnapshot, type FleetSnapshot } from './fleet.ts';

/**
 * Provisions many hosts with one plan, wave by wave. The run of each host is a child of the type `provision`.
 *
 * @throws ApplicationFailure invalid-input with every problem; aborted
 */
export async function provisionFleet(input: FleetInput, snapshot?: FleetSnapshot): Promise<FleetResult> {
  if (snapshot) return drive(input, restoreFleet(input, snapshot));
  return drive(input, beginFleet(input, await admit(input)));
}

function drive(input: FleetInput, fleet: ReturnType<typeof beginFleet>): Promise<FleetResult> {
  return driveFleet(fleet, () => continueAsNew<typeof provisionFleet>(input, takeFleetSnapshot(fleet)));
}

/** Validates the input. Queries are answered meanwhile, and after that if the fleet ends here. */
async function admit(input: FleetInput): Promise<Admission> {
  let failure: PartFailure | undefined;
  setHandler(fleetStatusQuery, () => describeInput(input, failure));
  setHandler(fleetHostsQuery, () => ({ total: 0, hosts: [] }));
  readInput(input);
  const admission = await admitFleet(input).catch((error: unknown) => {
    if (isCancellation(error)) failure = failureOf('aborted', 'cancelled before its input was validated');
    throw error;
  });
  const { problems } = admission;
  if (problems.length === 0) return admission;
  failure = failureOf('invalid-input', formatProblems(problems));
  const list = problems.map((problem) => `- ${code(formatProblems([problem]))}`).join('\n');
  setCurrentDetails(`The input is invalid:\n\n${list}`);
  throw workflowFailure(failure, { problems });
}

/** The status of a fleet whose input, of any shape, is not known to be valid. */
function describeInput(input: FleetInput, failure: PartFailure | undefined): FleetStatus {
  const { name, hosts } = Object(input) as Partial<FleetInput>;
  const total = Array.isArray(hosts) ? hosts.length : 0;
  const startedAtMs = workflowInfo().startTime.getTime();
  return {
    name: typeof name === 'string' ? name : '',
    plan: '',
    phase: failure ? (failure.code === 'aborted' ? 'aborted' : 'failed') : 'validating',
    hosts: total,
    counts: { pending: total, running: 0, parked: 0, failed: 0, done: 0 },
    skipped: 0,
    recounted: total,
    wave: 1,
    waveCount: 1,
    waves: [],
    concurrency: 0,
    failures: { count: 0, allowed: 0 },
    paused: false,
    startedAtMs,
    ...(failure && { failure, endedAtMs: startedAtMs }),
    worst: [],
    auditTrail: [],
  };
}
