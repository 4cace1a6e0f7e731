import { sleep, workflowInfo } from '@temporalio/workflow';
import { planForHost } from '../../domain/fleet/fleet-hosts.ts';
import { resolvePlan, withoutFiles } from '../../domain/plan/resolve-plan.ts';
import { stepEnv } from '../../domain/plan/values.ts';
import { makeLaunch } from '../../domain/run/ids.ts';
import { messageOf } from '../../domain/run/failure.ts';
import { durationMs } from '../../domain/text/duration.ts';
import { inspectTarget } from '../../inspect/workflow/inspection.ts';
import { activity } from '../proxies.ts';
import type { Fleet } from './fleet.ts';

const DEFAULT_TIMEOUT_MS = 600_000;
const EVERY_MS = 15_000;

/**
 * Runs the check between two waves on the first done host of the wave, until it exits with 0, its time is up, or the fleet no longer waits
 * for it. Returns why it did not succeed; undefined if it did.
 */
export async function checkWave(fleet: Fleet): Promise<string | undefined> {
  const { rollout, input, waves } = fleet;
  const { pause } = input;
  const { check = '', timeout } = typeof pause === 'object' ? pause : {};
  const untilMs = Date.now() + durationMs(timeout, DEFAULT_TIMEOUT_MS);
  const host = waves[rollout.wave]?.find((each) => rollout.tally.stateOf(each) === 'done');
  if (host === undefined) return 'no host of the wave is done';
  const { gate } = rollout;
  for (;;) {
    const reason = await runCheck(fleet, host, check).catch(messageOf);
    if (reason === undefined || rollout.gate !== gate || rollout.aborting) return reason;
    if (Date.now() + EVERY_MS > untilMs) return reason;
    await sleep(EVERY_MS, { summary: 'check the wave again' });
  }
}

async function runCheck(fleet: Fleet, index: number, check: string): Promise<string | undefined> {
  const host = fleet.hosts[index];
  if (!host) throw new TypeError(`no host ${index}`);
  const plan = planForHost(fleet.input, host);
  const [first] = resolvePlan(plan).steps;
  const found = await inspectTarget(plan.target, undefined);
  if ('failure' in found) return `${host.name}: ${found.failure.message}`;
  if (!first) throw new TypeError('a plan without steps is invalid');
  const { id } = makeLaunch(workflowInfo().runId, 'check', 'step', 1);
  const answer = await activity.checkStep(`check on ${host.name}`, {
    target: plan.target,
    stateDir: found.facts.stateDir,
    step: { ...withoutFiles(first), name: 'check', check, env: stepEnv({}, plan.env), secrets: {} },
    id,
  });
  if (answer.code === 0) return undefined;
  return `${host.name}: ${answer.failure?.message ?? `exit ${answer.code}`}`;
}
