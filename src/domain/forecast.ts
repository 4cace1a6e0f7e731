import type { Launch } from './ids.ts';
import type { LaunchState } from './launch-state.ts';
import type { ResolvedPlan, ResolvedStep } from './plan.ts';
import { sentinelSaysDone } from './schedule.ts';

/** What a look at a host tells about a plan. */
export interface Traces {
  readonly sentinel: { readonly content?: string };
  readonly script?: { readonly digest: string; readonly phase: string };
  /** Of the host's own script, the latest of each part. */
  readonly launches: readonly { readonly launch: Launch; readonly state: LaunchState }[];
}

/** Whether a run would leave the host alone. */
export function isDoneAlready(plan: ResolvedPlan, digest: string, { sentinel }: Traces): boolean {
  return sentinelSaysDone(sentinel.content, digest, plan.sentinel.whenPresent);
}

/** Whether a run goes on from what a script of the host has done: only if it has the same work, and has not finished it. */
export function isAdopted(script: Traces['script'], digest: string): boolean {
  return script?.digest === digest && script.phase !== 'provisioned';
}

/** What a run makes of the script's launch of a part; nothing if there is none. */
export function adoption(
  { launches }: Traces,
  step: string,
  kind: Launch['kind'],
): 'done' | 'awaited' | 'again' | undefined {
  const state = launches.find(({ launch }) => launch.step === step && launch.kind === kind)?.state;
  if (state === undefined || state.kind === 'absent') return undefined;
  if (state.kind === 'created' || state.kind === 'running') return 'awaited';
  return state.kind === 'exited' && state.code === 0 ? 'done' : 'again';
}

/** The steps whose check a run would ask. */
export function stepsToCheck(plan: ResolvedPlan, digest: string, traces: Traces): ResolvedStep[] {
  if (isDoneAlready(plan, digest, traces)) return [];
  return plan.steps.filter(({ name, check }) => {
    const adopted = adoption(traces, name, 'step');
    return check !== undefined && adopted !== 'done' && adopted !== 'awaited';
  });
}
