import { planDigest, resolvePlan, type ResolvedPlan } from '../plan/resolve-plan.ts';
import type { Plan } from '../plan/schema.ts';
import { count } from '../text/count.ts';
import { isRecordedDone, isSkippedIn, type Records } from './forecast.ts';
import { addressOf, type Launch } from './ids.ts';
import { partDigest, recordName } from './part-record.ts';
import { readSentinel } from './sentinel.ts';
import type { PartFailure } from './status.ts';

/** How a file of a step differs from the plan. */
export interface FileDifference {
  readonly path: string;
  /** `kind`: it is not a regular file. */
  readonly differs: 'missing' | 'kind' | 'content' | 'mode' | 'owner';
  /** Plain text on one line. */
  readonly message: string;
}

/** What a host answers about a step. */
export interface StepAnswer {
  /** The exit code of its check; missing without a check, or without an answer. */
  readonly code?: number;
  /** The differences of its files; missing if none is known. */
  readonly files?: readonly FileDifference[];
  /** Why the host gave no complete answer. */
  readonly failure?: PartFailure;
}

/** What a host answers about one of the steps. */
export type CheckAnswer = { readonly step: string } & StepAnswer;

/** One way in which a host differs from a plan. */
export interface Deviation {
  /**
   * `missing`: the check of the step fails. `changed`: the step succeeded with another script, other variables or secret references, or
   * before the latest run of a step that it needs. `failed`: its latest launch did not succeed. `skipped`: by an operator.
   * `never-run`: no run has recorded it. `file`: one of its files differs.
   */
  readonly kind: 'missing' | 'changed' | 'failed' | 'skipped' | 'never-run' | 'file';
  /** Set for `file`. */
  readonly path?: string;
  /** Set if it concerns the finalizer of the step. */
  readonly finalizer?: true;
  /** Plain text on one line. */
  readonly message: string;
}

/** What a host has of one step. */
export interface StepDrift {
  readonly name: string;
  /** `unknown`: its check or files gave no answer within a minute, and nothing else differs. */
  readonly state: 'in-order' | 'drifted' | 'unknown';
  /** Empty unless it drifted. */
  readonly deviations: readonly Deviation[];
  /** Why there is no complete answer. */
  readonly failure?: PartFailure;
}

/** What a host has of a plan. */
export interface DriftReport {
  /** Whether a step has drifted. */
  readonly drifted: boolean;
  /** `user@host:port` */
  readonly host: string;
  readonly plan: string;
  /** The digest of the plan. */
  readonly digest: string;
  /** The result in one line. */
  readonly message: string;
  /** In the order of the plan. */
  readonly steps: readonly StepDrift[];
}

/** The state of a whole plan: a drifted step outweighs one that is unknown. */
export function stateOfPlan({ drifted, steps }: Pick<DriftReport, 'drifted' | 'steps'>): StepDrift['state'] {
  if (drifted) return 'drifted';
  return steps.some(({ state }) => state === 'unknown') ? 'unknown' : 'in-order';
}

/** What an inspection finds on a host about earlier runs of a plan. */
export interface RecordedWork {
  readonly sentinel: { readonly content?: string };
  readonly recorded?: Records;
}

/** Compares a host with a plan: what was recorded there, and what the checks answer now. */
export function findDrift(plan: Plan, host: RecordedWork, checks: readonly CheckAnswer[]): DriftReport {
  const resolved = resolvePlan(plan);
  const digest = planDigest(plan);
  const steps = resolved.steps.map(({ name, finalize }): StepDrift => {
    const check = checks.find(({ step }) => step === name);
    const part = recordedDeviation(resolved, digest, host, { step: name, kind: 'step' });
    const after =
      finalize === undefined
        ? undefined
        : recordedDeviation(resolved, digest, host, { step: name, kind: 'finalizer' });
    const deviations = [
      ...foundNow(check),
      ...(part && !isOutweighed(part, check) ? [part] : []),
      ...(after && after.kind !== part?.kind
        ? [{ ...after, finalizer: true as const, message: `its finalizer ${after.message}` }]
        : []),
    ];
    const failure = check?.failure;
    const state = deviations.length > 0 ? 'drifted' : failure ? 'unknown' : 'in-order';
    return { name, state, deviations, ...(failure && { failure }) };
  });
  const drifted = steps.some(({ state }) => state === 'drifted');
  return {
    drifted,
    host: addressOf(plan.target),
    plan: resolved.name,
    digest,
    message: summarize(steps),
    steps,
  };
}

/** How the record of a part differs from the plan; undefined if the part was done as it is now. */
export function recordedDeviation(
  plan: ResolvedPlan,
  digest: string,
  { sentinel: { content }, recorded = {} }: RecordedWork,
  part: Pick<Launch, 'step' | 'kind'>,
): Deviation | undefined {
  if (isSkippedIn(content, digest, part)) return { kind: 'skipped', message: 'was skipped by an operator' };
  const step = plan.steps.find(({ name }) => name === part.step);
  const record = recorded[recordName(part)];
  if (!step || !record) {
    const sentinel = readSentinel(content);
    // A sentinel of the whole plan is proof, too.
    if (sentinel.digest === digest && sentinel.isWhole) return undefined;
    return { kind: 'never-run', message: 'was never run' };
  }
  if (!record.isDone) return { kind: 'failed', message: 'has not succeeded' };
  if (record.digest !== partDigest(step, part.kind))
    return { kind: 'changed', message: 'changed in the plan since it ran' };
  if (isRecordedDone(plan.steps, recorded, part)) return undefined;
  const needed = part.kind === 'step' ? 'a step that it needs' : 'a step';
  return { kind: 'changed', message: `is older than the latest run of ${needed}` };
}

/** A check that is satisfied proves that the work is there, even if no run has recorded it. */
function isOutweighed({ kind }: Deviation, check: CheckAnswer | undefined): boolean {
  return isSatisfied(check) && (kind === 'never-run' || kind === 'failed');
}

/** Whether the check of a step is satisfied, and its files are in place. */
export function isSatisfied(check: CheckAnswer | undefined): boolean {
  return check?.code === 0 && check.files === undefined && check.failure === undefined;
}

/** How the host differs now, whatever was recorded. */
export function foundNow({ code = 0, files = [] }: StepAnswer = {}): Deviation[] {
  return [
    ...(code === 0 ? [] : [{ kind: 'missing' as const, message: `its check fails (exit ${code})` }]),
    ...files.map(({ path, message }) => ({ kind: 'file' as const, path, message })),
  ];
}

function summarize(steps: readonly StepDrift[]): string {
  const named = (wanted: StepDrift['state']) =>
    steps.filter(({ state }) => state === wanted).map(({ name }) => name);
  const [drifted, unknown] = [named('drifted'), named('unknown')];
  const total = count(steps.length, 'step');
  const parts = [
    ...(drifted.length > 0 ? [`${drifted.length} of ${total} drifted: ${drifted.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} of ${total} unknown: ${unknown.join(', ')}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : `no drift: ${total} in order`;
}
