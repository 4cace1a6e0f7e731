import { workflowInfo } from '@temporalio/workflow';
import { describeDrift, type DriftOutcome } from '../../domain/run/drift-notification.ts';
import { findDrift, type DriftReport } from '../../domain/run/drift.ts';
import { pinFiles } from '../../domain/plan/files.ts';
import { resolvePlan } from '../../domain/plan/resolve-plan.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { formatProblems } from '../../domain/plan/problems.ts';
import { addressOf } from '../../domain/run/ids.ts';
import type { NotifySettings } from '../../domain/run/notification.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { addressOfRun, handOver } from '../../notify/workflow/notifier.ts';
import { failureOf, workflowFailure } from '../../workflows/failures.ts';
import { admitPlan } from '../../workflows/proxies.ts';
import { readInput, refuseInput } from '../../workflows/read-input.ts';
import { askChecks, inspectTarget } from './inspection.ts';

/** What to check for drift. */
export interface CheckDriftInput {
  readonly plan: Plan;
  /** Whether to notify as the worker is configured. Default true. */
  readonly notify?: boolean;
}

/**
 * Compares a host with a plan, and changes nothing on the host. Notifies unless all is in order, or the previous check of the same
 * schedule found the same.
 *
 * @throws ApplicationFailure invalid-input; lease-held while a run is at work on the host; or why the host cannot be inspected
 */
export async function checkDrift(input: CheckDriftInput): Promise<DriftReport> {
  const { notify: isNotifying = true } = readInput(input);
  if (typeof isNotifying !== 'boolean') throw refuseInput('notify must be true or false');
  const { problems, notify, pins } = await admitPlan(input.plan);
  if (problems.length > 0) throw refuseInput(formatProblems(problems), { problems });
  const plan = pinFiles(input.plan, pins);
  const outcome = await compare(plan);
  if (notify && isNotifying) await notifyOf(outcome, plan, notify);
  if (outcome.failure) throw workflowFailure(outcome.failure);
  return outcome.report;
}

async function compare(plan: Plan): Promise<DriftOutcome> {
  const host = await inspectTarget(plan.target, plan);
  if ('failure' in host) return host;
  const { holder, missing } = host;
  if (holder?.atWork) {
    const who =
      holder.kind === 'run'
        ? `run ${oneLine(holder.workflowId)}`
        : 'the self-provisioning script of the host';
    return { failure: failureOf('lease-held', `${who} is at work on ${addressOf(plan.target)}`) };
  }
  if (missing.tools.length > 0)
    return {
      failure: {
        ...failureOf('host-unsupported', `${addressOf(plan.target)} has no ${missing.tools.join(', ')}`),
        advice: `Install ${missing.packages.join(' ')} on the host.`,
      },
    };
  return { report: findDrift(plan, host, await askChecks(plan, host)) };
}

async function notifyOf(outcome: DriftOutcome, plan: Plan, settings: NotifySettings): Promise<void> {
  // A run notifies by itself.
  if (outcome.failure?.code === 'lease-held') return;
  const { lastResult, lastFailure } = workflowInfo();
  const before = {
    // Of the previous check of the same schedule, which the server passes on.
    ...(lastResult !== undefined && { report: lastResult as DriftReport }),
    hasFailed: lastFailure !== undefined,
  };
  const about = { host: addressOf(plan.target), plan: resolvePlan(plan).name };
  const notification = describeDrift(outcome, about, addressOfRun(), Date.now(), before);
  if (notification && settings.events.includes(notification.event)) await handOver(notification, settings);
}
