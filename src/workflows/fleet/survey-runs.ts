import { condition, sleep } from '@temporalio/workflow';
import type { RunSurvey } from '../../activities/activity-types.ts';
import { activity } from '../proxies.ts';
import { hasOpenRun, type Fleet } from './fleet.ts';
import { endHost } from './host-runs.ts';

/** How often the server is asked about runs that another execution of the fleet has started, and about all runs. */
const INHERITED_EVERY_MS = 15_000;
const ALL_EVERY_MS = 600_000;
/** How many runs are asked about at once. */
const AT_ONCE = 50;

/**
 * Asks the server about open runs, again and again. A run reports its own end; this finds those that an operator terminated, of
 * which the server tells only the execution that started them. Ends when it is cancelled.
 */
export async function surveyRuns(fleet: Fleet, onChange: () => void): Promise<never> {
  let position = 0;
  for (;;) {
    await condition(() => hostsAtWork(fleet).length > 0);
    await sleep(fleet.inherited.size > 0 ? INHERITED_EVERY_MS : ALL_EVERY_MS, { summary: 'survey runs' });
    const atWork = hostsAtWork(fleet);
    const asked = [...atWork.slice(position), ...atWork.slice(0, position)].slice(0, AT_ONCE);
    position = (position + AT_ONCE) % Math.max(1, atWork.length);
    const ids = asked.map((host) => fleet.workflowIds[host] ?? '');
    if (ids.length === 0) continue;
    for (const found of await activity.surveyRuns('survey runs', { workflowIds: ids })) apply(fleet, found);
    onChange();
  }
}

/** Inherited ones, as long as there are any. */
function hostsAtWork({ inherited, runs, rollout }: Fleet): number[] {
  const left = [...inherited].filter((host) => hasOpenRun(rollout, host));
  if (left.length < inherited.size)
    for (const host of inherited) if (!hasOpenRun(rollout, host)) inherited.delete(host);
  if (left.length > 0) return left;
  return [...runs].flatMap(([host, { firstRunId }]) =>
    firstRunId !== undefined && hasOpenRun(rollout, host) ? [host] : [],
  );
}

function apply(fleet: Fleet, { workflowId, state, firstRunId, failure }: RunSurvey): void {
  const host = fleet.hostsById.get(workflowId);
  if (host === undefined) return;
  const isOurs = firstRunId === fleet.runs.get(host)?.firstRunId;
  if (state === 'open' && isOurs) return;
  if (state === 'over' && isOurs) endHost(fleet, host, failure);
  else endHost(fleet, host, { code: 'internal-error', message: 'the server no longer has its run' });
}
