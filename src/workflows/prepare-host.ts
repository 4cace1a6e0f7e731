import type { PreparedHost } from '../activities/activity-types.ts';
import type { ResolvedPlan } from '../domain/plan/resolve-plan.ts';
import { isDoneAlready } from '../domain/run/forecast.ts';
import { describeLeftover } from '../domain/run/leftovers.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { askForRun, type HostQuestion } from './ask-host.ts';
import { activity } from './proxies.ts';
import { learnRecords } from './part-records.ts';
import { findPart, type Run } from './run.ts';

/** Takes the lease of the host, and finds out what was done there before. */
export async function prepareHost(
  run: Run,
  summary: string,
  isTrouble?: HostQuestion<PreparedHost>['isTrouble'],
  patienceMs = run.plan.connectTimeoutMs,
): Promise<PreparedHost> {
  const { plan, holder, digest, status } = run;
  const { target, onLeftovers, pruneAfterDays } = plan;
  const wanted = {
    target,
    holder,
    digest,
    plan: plan.records,
    onLeftovers,
    pruneAfterDays,
    ...(!run.isWatching && findDoneMark(plan, digest)),
    // With a bootstrap, the host is not ready yet.
    ...(!plan.bootstrap && { zmx: plan.zmx }),
    ...(status.sentinel !== '' && { sentinelPath: status.sentinel }),
  };
  const prepared = await askForRun(
    run,
    summary,
    patienceMs,
    (options) => activity.prepareHost(summary, wanted, options),
    {
      isUnboundedInQueue: true,
      mayBoot: plan.bootstrap?.login === 'wait',
      ...(isTrouble && { isTrouble }),
    },
  );
  status.sentinel = prepared.sentinelPath;
  run.host = { target, facts: prepared.facts, ...(prepared.zmx && { zmx: prepared.zmx }) };
  learnRecords(run, prepared);
  recordLease(run, prepared);
  return prepared;
}

/** The text by which the host finds out that its sentinel leaves nothing to do, if there can be one. */
function findDoneMark(plan: ResolvedPlan, digest: string): { doneMark?: string } {
  const sentinel = JSON.stringify({ digest });
  return isDoneAlready(plan, digest, { sentinel }) ? { doneMark: sentinel.slice(1, -1) } : {};
}

function recordLease(run: Run, { lease, adopted, ended }: PreparedHost): void {
  run.lease = lease;
  // A run that ends early must end these launches, too.
  for (const { launch, state } of adopted?.alive ?? [])
    findPart(run, launch)?.track(launch, state === 'ended' ? 'ended' : 'open');
  const notes = [
    ...(adopted?.alive ?? []).map((each) => `continues what was left running: ${describeLeftover(each)}`),
    ...ended.map((each) => `ended what was left running: ${describeLeftover(each)}`),
  ];
  if (notes.length > 0) run.status.notes = notes.map(oneLine);
}

/** Whether launches of this plan are alive on the host, even if there is a sentinel. */
export function isBusy({ adopted }: PreparedHost): boolean {
  return adopted !== undefined && adopted.alive.length > 0;
}
