import { workflowInfo } from '@temporalio/workflow';
import { resolvePlan, planDigest, type ResolvedPlan, type ResolvedStep } from '../domain/plan.ts';
import type { Plan } from '../domain/schema.ts';
import { addressOf, type Launch } from '../domain/ids.ts';
import type { RunStatus, StepStatus } from '../domain/status.ts';
import type { NotifyWish } from '../domain/notification.ts';
import type { SearchAttribute } from '../domain/search-attributes.ts';
import type { Admission, HostRef, LeaseHolder } from '../activities/types.ts';
import type { LaunchesAnswer } from './messages.ts';

/** What a person gives for a part in place of the plan's. */
export interface Change {
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a person decided about a parked part. */
export type Decision = ({ readonly kind: 'retry' } & Change) | { readonly kind: 'skip' };

/** A launch that may have left something alive on the host. */
export interface LiveLaunch {
  readonly launch: Launch;
  /** True once there is a record of its end. */
  ended: boolean;
  /** True once nothing of it is left but its session. */
  cleared?: boolean;
  /** When its time began to count. Milliseconds since the epoch. */
  waitingSinceMs?: number;
  /** True once its time is up and it is to be ended: more time comes too late for it. */
  late?: boolean;
}

/** Everything a run knows. The status is what others may see of it. */
export interface Run {
  /** What is to be done; a run that only watches learns it from the host. */
  plan: ResolvedPlan;
  digest: string;
  readonly firstRunId: string;
  /** Whose launches they are: the run's own, or those of a script that it has taken over. */
  owner: string;
  readonly holder: LeaseHolder;
  readonly status: RunStatus;
  /** Those that the server knows. */
  readonly searchAttributes: readonly SearchAttribute[];
  /** Decisions that a parked part has not taken up yet, by step. */
  readonly decisions: Map<string, Decision>;
  /** Scripts that a person gave in place of the plan's, by {@link partKey}. */
  readonly scripts: Map<string, string>;
  /** Variables that a person gave over the plan's, by {@link partKey}. */
  readonly envs: Map<string, Readonly<Record<string, string>>>;
  /** Steps under way that are to be set back, until that is done. */
  readonly resets: Set<string>;
  /** Ends what a step's launch is waited for with, so that it can be set back. Not carried: it is there while it waits. */
  readonly interrupts: Map<string, () => void>;
  /** What people are to be told, and how; missing if nothing. */
  readonly notify: NotifyWish | undefined;
  /** What they were told already, by `eventKey`. */
  readonly notified: Set<string>;
  /** The messages that were taken, by their request ids. */
  readonly requests: Map<string, string>;
  /** Tries since the last time a person was asked, by {@link partKey}. */
  readonly tries: Map<string, number>;
  readonly live: Map<string, LiveLaunch>;
  /** Every launch with a session. */
  readonly launched: Launch[];
  host: HostRef | undefined;
  leased: boolean;
  /** The host's own script leads, and the run only looks on. */
  watching: boolean;
  abortReason: string | undefined;
  /** True once nothing that a person says can change how the run ends. */
  ending: boolean;
}

/** The state of a run that has just begun. */
export function beginRun(input: Plan, { searchAttributes, notify }: Admission): Run {
  const plan = resolvePlan(input);
  return {
    ...identify(input, plan),
    status: newStatus('connecting', {
      plan: plan.name,
      host: addressOf(plan.target),
      steps: plan.steps,
      sentinel: plan.sentinel.path,
      fleet: plan.fleet,
      labels: plan.labels,
    }),
    searchAttributes: knownAttributes(searchAttributes),
    decisions: new Map(),
    scripts: new Map(),
    envs: new Map(),
    resets: new Set(),
    interrupts: new Map(),
    notify,
    notified: new Set(),
    requests: new Map(),
    tries: new Map(),
    live: new Map(),
    launched: [],
    host: undefined,
    leased: false,
    watching: false,
    abortReason: undefined,
    ending: false,
  };
}

/** Workers of older builds tell only whether the server knew the four that there were. */
export function knownAttributes(known: Admission['searchAttributes']): readonly SearchAttribute[] {
  if (typeof known !== 'boolean') return known;
  return known ? ['ChandlerHost', 'ChandlerPlan', 'ChandlerPhase', 'ChandlerAttention'] : [];
}

/** What a run that watches is told by the host. */
export function learnPlan(run: Run, input: Plan): void {
  run.plan = resolvePlan(input);
  run.digest = planDigest(input);
  run.status.plan = run.plan.name;
  run.status.steps = run.plan.steps.map(pendingStep);
}

interface Beginning {
  readonly plan: string;
  readonly host: string;
  readonly steps: readonly { readonly name: string; readonly finalize?: string | undefined }[];
  readonly sentinel?: string | undefined;
  readonly fleet?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Of a run that begins now: nothing has happened yet. */
export function newStatus(
  phase: RunStatus['phase'],
  { plan, host, steps, sentinel = '', fleet, labels }: Beginning,
): RunStatus {
  return {
    phase,
    plan,
    host,
    ...(fleet !== undefined && { fleet }),
    ...(labels && { labels }),
    attention: false,
    paused: false,
    startedAtMs: Date.now(),
    steps: steps.map(pendingStep),
    sentinel,
    interventions: [],
  };
}

function pendingStep({ name, finalize }: Beginning['steps'][number]): StepStatus {
  return {
    name,
    state: 'pending',
    generation: 0,
    ...(finalize !== undefined && { finalizer: { state: 'pending', generation: 0 } }),
  };
}

export function identify(
  input: Plan,
  plan: ResolvedPlan,
): Pick<Run, 'plan' | 'digest' | 'firstRunId' | 'owner' | 'holder'> {
  const { workflowId, firstExecutionRunId: firstRunId, namespace } = workflowInfo();
  const holder = { namespace, workflowId, firstRunId };
  return { plan, digest: planDigest(input), firstRunId, owner: firstRunId, holder };
}

/** Names a step or its finalizer. */
export function partKey(kind: Launch['kind'], step: string): string {
  return `${kind}:${step}`;
}

export function stepStatus(run: Run, name: string): StepStatus {
  const status = run.status.steps.find((step) => step.name === name);
  if (!status) throw new TypeError(`no step ${name}`);
  return status;
}

/** A step with what a person gave for this kind of part, if one did. */
export function currentStep(run: Run, step: ResolvedStep, kind: Launch['kind']): ResolvedStep {
  const key = partKey(kind, step.name);
  const script = run.scripts.get(key);
  const env = run.envs.get(key);
  return {
    ...step,
    ...(env && { env: { ...step.env, ...env } }),
    ...(script !== undefined && (kind === 'step' ? { script } : { finalize: script })),
  };
}

/** @throws TypeError before the host was prepared */
export function hostOf(run: Run): HostRef {
  if (!run.host) throw new TypeError('the host is not prepared');
  return run.host;
}

export function describeLaunches(run: Run): LaunchesAnswer {
  return {
    owner: run.owner,
    ...(run.host && { host: run.host }),
    steps: run.plan.steps.map(({ name, secrets }) => {
      const { generation, finalizer } = stepStatus(run, name);
      return { name, generation, finalizerGeneration: finalizer?.generation ?? 0, secrets };
    }),
  };
}
