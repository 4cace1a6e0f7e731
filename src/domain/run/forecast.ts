import type { Launch } from './ids.ts';
import { hasSucceeded, type LaunchState } from './launch-state.ts';
import type { ResolvedPlan, ResolvedStep } from '../plan/resolve-plan.ts';
import { NO_LAUNCH, isUnchanged, partDigest, recordName, type PartRecord } from './part-record.ts';
import { readSentinel, sentinelSaysDone } from './sentinel.ts';

/** What an inspection finds on a host about a plan. */
export interface Traces {
  readonly sentinel: { readonly content?: string };
  readonly script?: { readonly digest: string; readonly phase: string };
  /** The latest launch of each part, from an earlier run or from the host's script, if the work is the same. */
  readonly launches: readonly { readonly launch: Launch; readonly state: LaunchState }[];
}

/** The records of a plan's parts by their names. */
export type Records = Readonly<Record<string, PartRecord>>;

/**
 * Whether a run of the plan finds the host already provisioned, and nothing that it must run even then. A sentinel of the same work
 * does not count if parts were launched since and are not done.
 */
export function isDoneAlready(
  plan: ResolvedPlan,
  digest: string,
  {
    sentinel,
    recorded = {},
  }: { readonly sentinel?: string | undefined; readonly recorded?: Records | undefined },
): boolean {
  const { run, steps } = plan;
  if (run.forced.length > 0 || !sentinelSaysDone(sentinel, digest, plan.sentinel.whenPresent)) return false;
  // With a sentinel of other work, nothing is compared step by step.
  if (readSentinel(sentinel).digest !== digest) return true;
  const isDone = (part: Pick<Launch, 'step' | 'kind'>) =>
    recorded[recordName(part)] === undefined || isRecordedDone(steps, recorded, part);
  return steps.every(
    ({ name: step, always }) =>
      !always && isDone({ step, kind: 'step' }) && isDone({ step, kind: 'finalizer' }),
  );
}

/** Whether a run would adopt what the host's script has done: only if the work is the same and not finished. */
export function isAdopted(script: Traces['script'], digest: string): boolean {
  return script?.digest === digest && script.phase !== 'provisioned';
}

/** The owner of the run that wrote the sentinel, if it skipped some of the work: the next run continues that run's launches. */
export function skippingOwner(sentinel: string | undefined, digest: string): string | undefined {
  const recorded = readSentinel(sentinel);
  return recorded.digest === digest && !recorded.isWhole ? recorded.owner : undefined;
}

/** Whether a sentinel of the same work records a part as skipped. */
export function isSkippedIn(
  sentinel: string | undefined,
  digest: string,
  { step, kind }: Pick<Launch, 'step' | 'kind'>,
): boolean {
  const recorded = readSentinel(sentinel);
  return (
    recorded.digest === digest && recorded.skipped.some((part) => part.step === step && part.kind === kind)
  );
}

/** What a run would do about the latest launch of a part; undefined without one. */
export function adoption(
  { launches, sentinel }: Traces,
  digest: string,
  step: string,
  kind: Launch['kind'],
): 'done' | 'awaited' | 'repeated' | 'skipped' | undefined {
  if (isSkippedIn(sentinel.content, digest, { step, kind })) return 'skipped';
  const state = launches.find(({ launch }) => launch.step === step && launch.kind === kind)?.state;
  if (state === undefined || state.kind === 'absent') return undefined;
  if (state.kind === 'created' || state.kind === 'running') return 'awaited';
  return hasSucceeded(state) ? 'done' : 'repeated';
}

/** Whether a run finds a part unchanged, unless a step on which it depends runs. */
export function isUnchangedIn(
  { run, steps }: ResolvedPlan,
  recorded: Records,
  part: Pick<Launch, 'step' | 'kind'>,
): boolean {
  const isRunAnyway = run.forced.includes(part.step) || steps.find(({ name }) => name === part.step)?.always;
  return !isRunAnyway && isRecordedDone(steps, recorded, part);
}

/** Whether the records say that a part was done as it is now, after what it needs. */
export function isRecordedDone(
  steps: readonly ResolvedStep[],
  recorded: Records,
  { step: name, kind }: Pick<Launch, 'step' | 'kind'>,
): boolean {
  const step = steps.find((each) => each.name === name);
  const record = recorded[recordName({ step: name, kind })];
  if (!step || !record) return false;
  const before = kind === 'finalizer' ? steps.map((each) => each.name) : step.needs;
  const needs = before.flatMap((need) => recorded[recordName({ step: need, kind: 'step' })]?.launch ?? []);
  return isUnchanged(
    record,
    partDigest(step, kind),
    needs.filter((launch) => launch !== NO_LAUNCH),
  );
}

/**
 * The steps whose check can run, and whose files can be compared. Includes done steps, to find drift, but no running step, whose
 * work may be half done.
 */
export function stepsToCheck(plan: ResolvedPlan, digest: string, traces: Traces): ResolvedStep[] {
  return plan.steps.filter(
    ({ name, check, files }) =>
      (check !== undefined || files !== undefined) && adoption(traces, digest, name, 'step') !== 'awaited',
  );
}
