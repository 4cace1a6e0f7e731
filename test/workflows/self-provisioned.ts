/** A host that provisions itself, as a watch sees it. */
import { ApplicationFailure } from '@temporalio/client';
import type { Activities } from '../../src/activities/activity-types.ts';
import type { ScriptView } from '../../src/activities/script-view.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { planDigest } from '../../src/domain/plan/resolve-plan.ts';
import { facts, step } from './harness.ts';

export const steps = [step('a'), step('b', { needs: ['a'] })];
const digest = planDigest({ steps });
export const script = {
  owner: 'script-x',
  digest,
  alive: true,
  phase: 'steps',
  sentinelPath: '/s/provisioned',
  logPath: '/s/log',
  zmxPath: '/zmx',
  outcomes: {},
};
export const launch = makeLaunch(script.owner, 'a', 'step', 1);
const exited = { kind: 'exited', code: 7, endedAtMs: 1000, elapsedMs: 10, logBytes: 0 } as const;
const failure = { code: 'step-failed', message: 'a: exit 7', advice: 'look', exitCode: 7 } as const;

/** A host on which these are seen, one after another; the last one stays. */
export function showing(
  ...views: Partial<ScriptView>[]
): Pick<Activities, 'followScript' | 'readScriptPlan'> {
  let isGone = false;
  return {
    async followScript({ seen }) {
      const last = Number(seen || 0);
      const view = isGone ? undefined : views[last];
      if (view) return { sentinelPath: '/s/provisioned', parts: [], seen: String(last + 1), ...view };
      // Time passes while nothing runs, and a try that waits for its next is nothing.
      isGone = true;
      throw ApplicationFailure.create({
        message: 'nothing new',
        type: 'connection-lost',
        nextRetryDelay: '20s',
      });
    },
    readScriptPlan: async () => ({ steps }),
  };
}

/** Its script has given up on the first step. */
export const gaveUpOnA: Partial<ScriptView> = {
  script: {
    ...script,
    alive: false,
    phase: 'failed',
    failure: { code: 'step-failed', text: 'a failed' },
    outcomes: { 'step.a': 'failed' },
  },
  parts: [{ launch, state: exited, outcome: 'failed', failure }],
};

/** What a run finds there that takes the host over from `left`. */
export const foundOn = (left: typeof script): Pick<Activities, 'prepareHost'> => ({
  prepareHost: async () => ({
    facts,
    pruned: 0,
    sentinelPath: '/s/provisioned',
    script: left,
    lease: 'l',
    ended: [],
  }),
});
