import {
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  isCancellation,
  log,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { RunSurvey } from '../../activities/activity-types.ts';
import { planForHost } from '../../domain/fleet/fleet-hosts.ts';
import type { HostFailure, HostReport } from '../../domain/fleet/host-report.ts';
import { planDigest } from '../../domain/plan/resolve-plan.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { describePlan } from '../../domain/run/description.ts';
import { messageOf } from '../../domain/run/failure.ts';
import { timing } from '../../domain/run/timing.ts';
import { quote } from '../../shell/index.ts';
import type { provision } from '../provision.ts';
import { activity } from '../proxies.ts';
import { hasOpenRun, type Fleet, type HostRun } from './fleet.ts';
import { readChildFailure } from './read-child-failure.ts';
import type { FleetMemo } from './report-to-fleet.ts';

/** How long a run that has reported its end may take to close before the next run of its host starts. */
const CLOSES_WITHIN_MS = 30_000;
const RETRY_START_MS = 500;

/** Starts the run of a host, or takes over the one that the fleet has there already. Never throws. */
export async function startHost(fleet: Fleet, host: number, onChange: () => void): Promise<void> {
  const before = fleet.runs.get(host);
  const run: HostRun = {
    runs: (before?.runs ?? 0) + 1,
    startedAtMs: Date.now(),
    formerRunId: before?.firstRunId,
  };
  fleet.runs.set(host, run);
  fleet.inherited.delete(host);
  try {
    await begin(fleet, host, run, onChange);
  } catch (error) {
    log.warn(`cannot start ${fleet.workflowIds[host]}: ${messageOf(error)}`);
    endHost(fleet, host, { code: 'internal-error', message: `its run could not start: ${messageOf(error)}` });
  }
  onChange();
}

async function begin(fleet: Fleet, host: number, run: HostRun, onChange: () => void): Promise<void> {
  const entry = fleet.hosts[host];
  if (!entry) throw new TypeError(`no host ${host}`);
  const plan = planForHost(fleet.input, entry, host === fleet.rollout.onceHost);
  const sinceMs = Date.now();
  for (;;) {
    try {
      const child = await startRun(fleet, plan, fleet.workflowIds[host] ?? '');
      run.firstRunId = child.firstExecutionRunId;
      follow(fleet, host, child, onChange);
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const [found] = await activity.surveyRuns('find the run of a host', {
      workflowIds: [fleet.workflowIds[host] ?? ''],
    });
    // A run of an earlier execution may have reported its end meanwhile.
    if (!hasOpenRun(fleet.rollout, host)) return;
    const isClosing =
      !found || found.firstRunId === run.formerRunId || (found.state !== 'open' && !isOfFleet(found, plan));
    if (!isClosing || Date.now() - sinceMs > CLOSES_WITHIN_MS) return takeOver(fleet, host, run, plan, found);
    await sleep(RETRY_START_MS);
  }
}

function startRun(fleet: Fleet, plan: Plan, workflowId: string) {
  const { name = '', target, labels, steps } = plan;
  const shown = describePlan(plan, quote(workflowId));
  const memo: FleetMemo = { reportsToFleet: true, digest: planDigest(plan) };
  // A run outlives the execution of its fleet that started it, so nothing of that execution may end it.
  return CancellationScope.nonCancellable(() =>
    startChild<typeof provision>('provision', {
      workflowId,
      args: [plan],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: shown.summary,
      staticDetails: shown.details,
      workflowTaskTimeout: timing.fleetTaskTimeoutMs,
      // Single runs come first.
      priority: { priorityKey: 4, fairnessKey: fairnessKey(fleet.input.name) },
      memo: {
        host: target.host,
        plan: name,
        steps: steps.map((step) => step.name),
        fleet: fleet.input.name,
        ...(labels && { labels }),
        ...memo,
      },
    }),
  );
}

/** The server accepts 64 bytes. */
function fairnessKey(name: string): string {
  let key = name;
  while (new TextEncoder().encode(key).length > 64) key = key.slice(0, -1);
  return key.toWellFormed();
}

/**
 * Follows a run that this execution of the fleet has started. Its own report comes first; this is for runs that end without one
 * because an operator terminated them.
 */
function follow(
  fleet: Fleet,
  host: number,
  child: Awaited<ReturnType<typeof startRun>>,
  onChange: () => void,
): void {
  const { firstExecutionRunId: firstRunId } = child;
  const end = (failure?: HostFailure) => {
    if (fleet.runs.get(host)?.firstRunId !== firstRunId) return;
    endHost(fleet, host, failure);
    onChange();
  };
  child.result().then(
    () => end(),
    (error: unknown) => {
      if (!isCancellation(error) || !CancellationScope.current().consideredCancelled)
        end(readChildFailure(error));
    },
  );
}

/**
 * A run of the fleet with the same work, perhaps of an earlier execution, continues, or its end counts if it has just ended. Any other
 * run keeps its host.
 */
function takeOver(fleet: Fleet, host: number, run: HostRun, plan: Plan, found: RunSurvey | undefined): void {
  if (!found || !isOfFleet(found, plan))
    return endHost(fleet, host, {
      code: 'lease-held',
      message: `another run is at work: ${fleet.workflowIds[host]}`,
    });
  if (found.firstRunId !== undefined) run.firstRunId = found.firstRunId;
  // The server reports the end of a run only to the execution that started it.
  if (found.state === 'open') fleet.inherited.add(host);
  else endHost(fleet, host, found.failure);
}

function isOfFleet({ parentId, digest }: RunSurvey, plan: Plan): boolean {
  return parentId === workflowInfo().workflowId && digest === planDigest(plan);
}

/** Takes what the run of a host reports. Reports of runs that the fleet no longer follows are dropped. */
export function acceptReport(fleet: Fleet, { workflowId, firstRunId, kind, failure }: HostReport): void {
  const host = fleet.hostsById.get(workflowId);
  if (host === undefined) return;
  if (isUnknownRun(fleet, host, firstRunId)) {
    fleet.rollout.adopt(host);
    fleet.runs.set(host, { runs: 1, startedAtMs: Date.now(), firstRunId });
    fleet.inherited.add(host);
  }
  const run = fleet.runs.get(host);
  if (!run || run.firstRunId === undefined) return expectRun(fleet, host, firstRunId, kind, failure);
  if (run.firstRunId !== firstRunId) return;
  applyReport(fleet, host, kind, failure);
}

/** Whether the run was started by an execution that an operator has since reset, so that this one has not started it yet. */
function isUnknownRun({ rollout, runs }: Fleet, host: number, firstRunId: string): boolean {
  return rollout.tally.stateOf(host) === 'pending' && runs.get(host)?.firstRunId !== firstRunId;
}

/** A report may arrive together with the news that its run has started. */
function expectRun(fleet: Fleet, host: number, firstRunId: string, ...report: Reported): void {
  const run = fleet.runs.get(host);
  if (!run || firstRunId === run.formerRunId || !hasOpenRun(fleet.rollout, host)) return;
  run.firstRunId = firstRunId;
  applyReport(fleet, host, ...report);
}

type Reported = [kind: HostReport['kind'], failure: HostFailure | undefined];

function applyReport(fleet: Fleet, host: number, ...[kind, failure]: Reported): void {
  const { rollout } = fleet;
  const run = fleet.runs.get(host);
  switch (kind) {
    case 'parked':
      if (run && failure && hasOpenRun(rollout, host)) run.failure = failure;
      return rollout.parked(host, Date.now());
    case 'unparked':
      if (hasOpenRun(rollout, host)) delete run?.failure;
      return rollout.unparked(host);
    case 'once':
      return rollout.onceDone(host);
    case 'over':
      return endHost(fleet, host, failure);
  }
}

/** Records that the run of a host is over. Repeating it changes nothing. */
export function endHost(fleet: Fleet, host: number, failure: HostFailure | undefined): void {
  const run = fleet.runs.get(host);
  if (!run || !hasOpenRun(fleet.rollout, host)) return;
  run.endedAtMs = Date.now();
  if (failure) run.failure = failure;
  else delete run.failure;
  fleet.rollout.ended(host, failure ? 'failed' : 'done');
}
