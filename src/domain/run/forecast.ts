import type { Launch } from './ids.ts';
import type { LaunchState } from './launch-state.ts';
import type { ResolvedPlan, ResolvedStep } from '../plan/resolve-plan.ts';
import { readSentinel, sentinelSaysDone } from './sentinel.ts';

/** What an inspection of a host finds of a plan. */
export interface Traces {
  readonly sentinel: { readonly content?: string };
  readonly script?: { readonly digest: string; readonly phase: string };
  /** The latest launch of each part, by an earlier run or script of the host with the same work. */
  readonly launches: readonly { readonly launch: Launch; readonly state: LaunchState }[];
}

/** Whether a run would leave the host alone. */
export function isDoneAlready(plan: ResolvedPlan, digest: string, { sentinel }: Traces): boolean {
  return sentinelSaysDone(sentinel.content, digest, plan.sentinel.whenPresent);
}

/** Whether a run adopts what the script of the host has done: only if it is the same work, and not finished. */
export function isAdopted(script: Traces['script'], digest: string): boolean {
  return script?.digest === digest && script.phase !== 'provisioned';
}

/** The owner whose launches a run continues because some of that run's work was skipped. */
export function skippingOwner({ sentinel }: Pick<Traces, 'sentinel'>, digest: string): string | undefined {
  const recorded = readSentinel(sentinel.content);
  return recorded.digest === digest && !recorded.isWhole ? recorded.owner : undefined;
}

/** What a run would do about the latest launch of a part; undefined without one. */
export function adoption(
  { launches, sentinel }: Traces,
  digest: string,
  step: string,
  kind: Launch['kind'],
): 'done' | 'awaited' | 'repeated' | 'skipped' | undefined {
  const recorded = readSentinel(sentinel.content);
  const isSkipped = recorded.skipped.some((part) => part.step === step && part.kind === kind);
  if (recorded.digest === digest && isSkipped) return 'skipped';
  const state = launches.find(({ launch }) => launch.step === step && launch.kind === kind)?.state;
  if (state === undefined || state.kind === 'absent') return undefined;
  if (state.kind === 'created' || state.kind === 'running') return 'awaited';
  return state.kind === 'exited' && state.code === 0 ? 'done' : 'repeated';
}

/**
 * The steps whose check can be asked: also those that are done, because a check finds drift. Not while a step runs, whose work
 * may be half done.
 */
export function stepsToCheck(plan: ResolvedPlan, digest: string, traces: Traces): ResolvedStep[] {
  return plan.steps.filter(
    ({ name, check }) => check !== undefined && adoption(traces, digest, name, 'step') !== 'awaited',
  );
}
