import { CancellationScope, getExternalWorkflowHandle, log, workflowInfo } from '@temporalio/workflow';
import {
  HOST_REPORT,
  MAX_FAILURE_LENGTH,
  type HostFailure,
  type HostReport,
} from '../../domain/fleet/host-report.ts';
import { boundedText } from '../../domain/text/bounded-text.ts';
import { isDone, listParts, partName, type PartFailure } from '../../domain/run/status.ts';
import type { Run } from '../run.ts';

/** The fleet that has started a run, and what the run has reported to it. */
export interface FleetLink {
  readonly workflowId: string;
  parked?: boolean;
  once?: boolean;
}

/** The memo with which a fleet starts its runs. */
export interface FleetMemo {
  readonly reportsToFleet: true;
  /** The digest of the plan. */
  readonly digest: string;
}

/** Returns the fleet that has started a run. A client can set the memo of a run, but not its parent. */
export function findFleet({
  parent,
  memo,
}: Pick<ReturnType<typeof workflowInfo>, 'parent' | 'memo'>): FleetLink | undefined {
  const { reportsToFleet } = (memo ?? {}) as Partial<FleetMemo>;
  return parent && reportsToFleet === true ? { workflowId: parent.workflowId } : undefined;
}

/**
 * Returns functions that report a run to its fleet by signals: `report` after every change, `over` once the host is released.
 * Signals go to the fleet's workflow id, because the fleet may have continued as new since it started the run. A fleet that is over
 * gets none; the run continues.
 */
export function createFleetReports(run: Run) {
  const { fleetLink } = run;
  if (!fleetLink) return { report() {}, over() {}, delivered: async () => undefined };
  let sending = Promise.resolve();
  const send = (kind: HostReport['kind'], failure?: HostFailure) => {
    const { workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
    const report: HostReport = { workflowId, firstRunId, kind, ...(failure && { failure }) };
    // One after another, so that they arrive in order.
    sending = sending.then(() => deliver(fleetLink.workflowId, report));
  };
  return {
    report() {
      const { attention, endedAtMs } = run.status;
      if (endedAtMs !== undefined) return;
      if (attention !== (fleetLink.parked ?? false)) {
        fleetLink.parked = attention;
        send(attention ? 'parked' : 'unparked', attention ? findReason(run) : undefined);
      }
      if (fleetLink.once !== true && hasDoneOnce(run)) {
        fleetLink.once = true;
        send('once');
      }
    },
    over() {
      const { failure } = run.status;
      send('over', failure && shorten(failure));
    },
    delivered: () => sending,
  };
}

async function deliver(fleet: string, report: HostReport): Promise<void> {
  try {
    await CancellationScope.nonCancellable(() =>
      getExternalWorkflowHandle(fleet).signal(HOST_REPORT, report),
    );
  } catch (error) {
    log.warn(`cannot report ${report.kind} to ${fleet}: ${String(error)}`);
  }
}

function hasDoneOnce({ parts, plan }: Run): boolean {
  const names = new Set(plan.steps.filter(({ once }) => once).map(({ name }) => name));
  return (
    names.size > 0 &&
    parts.every((part) => part.kind !== 'step' || !names.has(part.name) || isDone(part.status))
  );
}

/** Why a run needs attention. */
function findReason({ status }: Run): HostFailure | undefined {
  for (const { step, kind, part } of listParts(status)) {
    const failure = part.trouble ?? (part.state === 'parked' ? part.failure : undefined);
    if (failure) return shorten(failure, partName(step.name, kind === 'finalizer'));
    if (part.input) return { code: 'step-timeout', message: `${step.name} waits for input`, step: step.name };
  }
  return status.trouble && shorten(status.trouble);
}

function shorten({ code, message }: Pick<PartFailure, 'code' | 'message'>, step?: string): HostFailure {
  return { code, message: boundedText(message, MAX_FAILURE_LENGTH), ...(step !== undefined && { step }) };
}
