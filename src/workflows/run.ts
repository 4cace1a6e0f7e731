import { workflowInfo } from '@temporalio/workflow';
import { definedOnly } from '../domain/defined-only.ts';
import { resolvePlan, planDigest, type ResolvedPlan } from '../domain/plan/resolve-plan.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { addressOf, type Launch } from '../domain/run/ids.ts';
import type { NotifySettings } from '../domain/run/notification.ts';
import { makeParts, type Part } from '../domain/run/part.ts';
import type { SearchAttribute } from '../domain/run/search-attributes.ts';
import { isDone, type RunStatus, type StepStatus } from '../domain/run/status.ts';
import type { Admission, HostRef } from '../activities/activity-types.ts';
import type { LeaseHolder } from '../activities/lease-holder.ts';
import { findFleet, type FleetLink } from './fleet/report-to-fleet.ts';
import type { LaunchesAnswer } from './queries.ts';

/** Everything that a run knows. */
export interface Run {
  /** A run that follows a self-provisioning script learns its plan from the host. */
  plan: ResolvedPlan;
  digest: string;
  /** Each step, followed by its finalizer. Their statuses are in `status.steps`. */
  parts: Part[];
  /** What clients can query. */
  readonly status: RunStatus;
  readonly holder: LeaseHolder;
  /** The owner in the ids of its launches: this run, or the one whose launches it adopted. */
  owner: string;
  host: HostRef | undefined;
  /** The content of the host's lease file; undefined until the run holds the lease. */
  lease: string | undefined;
  /** Whether the host's self-provisioning script leads, and the run only follows it. */
  isWatching: boolean;
  abortReason: string | undefined;
  /** True once no action can change how the run ends. */
  isEnding: boolean;
  /** The accepted actions, by their request ids. */
  readonly requests: Map<string, string>;
  /** Missing without notifications. */
  readonly notify: NotifySettings | undefined;
  /** Events that were notified already, by `eventKey`. */
  readonly notified: Set<string>;
  /** The fleet to which the run reports; missing for a run that no fleet has started. */
  readonly fleetLink: FleetLink | undefined;
  /** The search attributes that the server knows. */
  readonly searchAttributes: readonly SearchAttribute[];
  /** Publishes the status. In memory only. */
  onChange: () => void;
}

/** A run in its initial state, plus what is `known` about it. */
export function makeRun(input: Plan, known: Pick<Run, 'status' | 'searchAttributes'> & Partial<Run>): Run {
  const plan = resolvePlan(input);
  const { workflowId, firstExecutionRunId: firstRunId, namespace } = workflowInfo();
  return {
    plan,
    digest: planDigest(input),
    parts: makeParts(plan.steps, known.status.steps),
    holder: { namespace, workflowId, firstRunId },
    owner: firstRunId,
    host: undefined,
    lease: undefined,
    isWatching: false,
    abortReason: undefined,
    isEnding: false,
    requests: new Map(),
    notify: undefined,
    notified: new Set(),
    fleetLink: undefined,
    onChange() {},
    ...known,
  };
}

/** The state of a run that has just begun. */
export function beginRun(input: Plan, { searchAttributes, notify }: Admission): Run {
  const { name: plan, target, sentinel, ...rest } = resolvePlan(input);
  const status = newStatus('connecting', { plan, host: addressOf(target), sentinel: sentinel.path, ...rest });
  const fleetLink = findFleet(workflowInfo());
  // A fleet notifies of itself, not of each host.
  return makeRun(input, { status, searchAttributes, notify: fleetLink ? undefined : notify, fleetLink });
}

/** Sets the plan that a run which follows a script found on the host. */
export function learnPlan(run: Run, input: Plan): void {
  run.plan = resolvePlan(input);
  run.digest = planDigest(input);
  run.status.plan = run.plan.name;
  run.status.steps = run.plan.steps.map(pendingStep);
  run.parts = makeParts(run.plan.steps, run.status.steps);
}

interface Beginning {
  readonly plan: string;
  readonly host: string;
  readonly steps: readonly { readonly name: string; readonly finalize?: string | undefined }[];
  readonly sentinel?: string | undefined;
  readonly fleet?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The status of a run in which nothing has happened yet. */
export function newStatus(
  phase: RunStatus['phase'],
  { plan, host, steps, sentinel = '', fleet, labels }: Beginning,
): RunStatus {
  return definedOnly({
    phase,
    plan,
    host,
    fleet,
    labels,
    attention: false,
    paused: false,
    startedAtMs: Date.now(),
    steps: steps.map(pendingStep),
    sentinel,
    auditTrail: [] as RunStatus['auditTrail'],
  });
}

function pendingStep({ name, finalize }: Beginning['steps'][number]): StepStatus {
  return {
    name,
    state: 'pending',
    attempt: 0,
    ...(finalize !== undefined && { finalizer: { state: 'pending', attempt: 0 } }),
  };
}

export function enterPhase(run: Run, phase: RunStatus['phase']): void {
  run.status.phase = phase;
  run.onChange();
}

/** Removes from the status what the run as a whole waited for. */
export function endWait({ status }: Pick<Run, 'status'>): void {
  delete status.waitingFor;
  delete status.waitingUntilMs;
}

export function findPart(
  { parts }: Pick<Run, 'parts'>,
  { step, kind }: Pick<Launch, 'step' | 'kind'>,
): Part | undefined {
  return parts.find((part) => part.name === step && part.kind === kind);
}

/** @throws TypeError if the plan has no such step */
export function stepOf(run: Pick<Run, 'parts'>, name: string): Part {
  const part = findPart(run, { step: name, kind: 'step' });
  if (!part) throw new TypeError(`no step ${name}`);
  return part;
}

/** The part of a step that an action is about: its finalizer once the step itself is done. */
export function activePartOf(run: Pick<Run, 'parts'>, name: string): Part {
  const step = stepOf(run, name);
  return (isDone(step.status) ? findPart(run, { step: name, kind: 'finalizer' }) : undefined) ?? step;
}

/** @throws TypeError before the host was prepared */
export function hostOf(run: Run): HostRef {
  if (!run.host) throw new TypeError('the host is not prepared');
  return run.host;
}

/** Lets a worker verify that the run still holds its host. */
export function leaseOf({ lease }: Run): { readonly lease?: string } {
  return lease === undefined ? {} : { lease };
}

export function describeLaunches({ owner, host, parts }: Run): LaunchesAnswer {
  return {
    owner,
    ...(host && { host }),
    steps: parts
      .filter(({ kind }) => kind === 'step')
      .map(({ name, step, stepStatus: { attempt, finalizer } }) => ({
        name,
        attempt,
        finalizerAttempt: finalizer?.attempt ?? 0,
        secrets: step.secrets,
      })),
  };
}
