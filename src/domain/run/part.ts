import type { ResolvedStep } from '../plan/resolve-plan.ts';
import { makeLaunch, sessionName, type Launch } from './ids.ts';
import { NO_LAUNCH, type PartRecord } from './part-record.ts';
import type { PartFailure, PartState, PartStatus, StepStatus } from './status.ts';

/** A script and environment that an operator sent to replace the plan's. */
export interface Overrides {
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** An operator's retry of a part. */
export interface Retry extends Overrides {
  readonly kind: 'retry';
  /** Starts another launch, whatever the state of the latest. */
  readonly force: boolean;
}

/** What an operator decided about a part. */
export type Decision = Retry | { readonly kind: 'skip' };

/** A launch of a part, started or adopted. */
export interface PartLaunch {
  readonly launch: Launch;
  /**
   * `open`: no end is known. `ended`: its background processes may be alive. `cleared`: only its session may be left.
   * `succeeded`: what it left running is a service.
   */
  state: 'open' | 'ended' | 'cleared' | 'succeeded';
  /** When its timeout began, in milliseconds since the epoch. */
  sinceMs?: number;
  /** The prompt at which it waits for keyboard input, as the host reports it. */
  prompt?: string;
  /** Set once its end was requested: the run does not wait for it again, even if it gets more time. */
  isEnding?: boolean;
}

/** The state of a part in a snapshot, besides its status. */
export interface PartSnapshot {
  readonly step: string;
  readonly kind: Launch['kind'];
  readonly attempts: number;
  readonly overrides: Overrides;
  readonly decision?: Decision;
  readonly isResetting: boolean;
  readonly launches: readonly PartLaunch[];
  readonly recorded?: PartRecord;
  readonly latest: string;
}

/** A step or a finalizer of a run: its place in the plan, its public status and its private state. */
export class Part {
  readonly step: ResolvedStep;
  readonly kind: Launch['kind'];
  /** The status of the step; for a finalizer, that of its step. */
  readonly stepStatus: StepStatus;
  readonly status: PartStatus;
  /** The number of attempts since an operator last acted on it; the retry policy counts these. */
  attempts = 0;
  overrides: Overrides = {};
  /** The operator's decision, until the part has acted on it. */
  decision: Decision | undefined;
  /** True from a reset until its processes have ended and it is pending. Only for steps, until the finalizers begin. */
  isResetting = false;
  launches: PartLaunch[] = [];
  /** What the host recorded in earlier runs. Undefined once it does not matter: the part has begun, or must run again. */
  recorded: PartRecord | undefined;
  /** The id of its latest launch, of this run or of an earlier one. */
  latest = NO_LAUNCH;
  /** Cancels the wait for its launch, or for its next attempt. In memory only. */
  interrupt: (() => void) | undefined;

  constructor(step: ResolvedStep, kind: Launch['kind'], stepStatus: StepStatus) {
    const status = kind === 'step' ? stepStatus : stepStatus.finalizer;
    if (!status) throw new TypeError(`${step.name} has no finalizer`);
    this.step = step;
    this.kind = kind;
    this.stepStatus = stepStatus;
    this.status = status;
  }

  get name(): string {
    return this.step.name;
  }

  /** The step, with the script and environment that operators sent for this part. */
  get currentStep(): ResolvedStep {
    const { step, kind } = this;
    const { script, env } = this.overrides;
    return {
      ...step,
      ...(env && { env: { ...step.env, ...env } }),
      ...(script !== undefined && (kind === 'step' ? { script } : { finalize: script })),
    };
  }

  /** Whether its launch may reboot the host. */
  get mayReboot(): boolean {
    return this.kind === 'step' && this.step.reboot !== undefined;
  }

  /** The current timeout of a launch. */
  get timeoutMs(): number {
    return this.step.timeoutMs + (this.stepStatus.extendedByMs ?? 0);
  }

  /** The pending retry that ends the latest launch, if an operator sent one. */
  get forcedRetry(): Retry | undefined {
    const { decision } = this;
    return decision?.kind === 'retry' && decision.force ? decision : undefined;
  }

  get snapshot(): PartSnapshot {
    const { name: step, kind, attempts, overrides, decision, isResetting, launches, recorded, latest } = this;
    const known = { step, kind, attempts, overrides, isResetting, launches, latest };
    return { ...known, ...(decision && { decision }), ...(recorded && { recorded }) };
  }

  restore({ attempts, overrides, decision, isResetting, launches, recorded, latest }: PartSnapshot): void {
    const known = { attempts, overrides, decision, isResetting, recorded, latest };
    Object.assign(this, { ...known, launches: [...launches] });
  }

  /** The launch of an attempt; default: the latest. `owner` is the run's, see {@link makeLaunch}. */
  launchOf(owner: string, attempt = this.status.attempt): Launch {
    return makeLaunch(owner, this.name, this.kind, attempt);
  }

  findLaunch({ id }: Launch): PartLaunch | undefined {
    return this.launches.find(({ launch }) => launch.id === id);
  }

  /** Adds a launch, or replaces the record of a known one. */
  track(launch: Launch, state: PartLaunch['state']): PartLaunch {
    const tracked = { launch, state };
    const at = this.launches.findIndex(({ launch: { id } }) => id === launch.id);
    this.launches.splice(at === -1 ? this.launches.length : at, 1, tracked);
    return tracked;
  }

  /** Begins the next attempt. `track` adds its launch once it is about to start. */
  begin(owner: string, nowMs: number): void {
    const launch = this.launchOf(owner, this.status.attempt + 1);
    this.attempts += 1;
    this.decision = undefined;
    this.recorded = undefined;
    this.enter('running');
    this.status.attempt = launch.attempt;
    this.status.startedAtMs = nowMs;
    this.showSession(launch);
  }

  showSession(launch: Launch): void {
    const session = sessionName(launch);
    if (session !== undefined) this.stepStatus.session = session;
  }

  /** Changes to a state in which the outcome of the latest launch no longer counts. */
  enter(state: PartState): void {
    const { status } = this;
    delete status.startedAtMs;
    delete status.endedAtMs;
    delete status.exitCode;
    delete status.failure;
    delete status.notes;
    this.#endWaits();
    status.state = state;
  }

  /** Ends the part with an outcome. */
  end(state: PartState, nowMs: number, failure?: PartFailure): void {
    const { status } = this;
    status.state = state;
    status.endedAtMs = nowMs;
    if (!failure) return;
    status.failure = failure;
    if (failure.exitCode !== undefined) status.exitCode = failure.exitCode;
  }

  /** Stores a decision until the part can act on it. Interrupts a running part. */
  decide(decision: Decision): void {
    this.decision = decision;
    if (this.status.state === 'running') this.interrupt?.();
  }

  /** Replaces script and environment for all later attempts. */
  override({ script, env }: Overrides): void {
    this.overrides = {
      ...this.overrides,
      ...(script !== undefined && { script }),
      ...(env && { env: { ...this.overrides.env, ...env } }),
    };
  }

  /** Extends the timeout of the step and of its finalizer, in this attempt and later ones. */
  extend(byMs: number): void {
    this.stepStatus.extendedByMs = (this.stepStatus.extendedByMs ?? 0) + byMs;
  }

  /** Puts the part back to pending; if it has begun, once its processes have ended. */
  reset(): void {
    const { state } = this.status;
    if (state === 'running' || state === 'retrying' || state === 'parked') {
      this.isResetting = true;
      this.interrupt?.();
    } else this.makePending();
  }

  /** The attempt number stays, so that the next launch gets another id. */
  makePending(): void {
    // The retry itself is obsolete, because the part runs again anyway; its script and environment still count.
    if (this.decision?.kind === 'retry') this.override(this.decision);
    this.decision = undefined;
    this.isResetting = false;
    this.recorded = undefined;
    this.attempts = 0;
    this.enter('pending');
  }

  /** Closes the part when the run ends: it no longer waits for anything. */
  close(nowMs: number): void {
    const { status } = this;
    this.#endWaits();
    if (status.state === 'parked') status.state = 'failed';
    if (status.state === 'running' || status.state === 'retrying') this.end('killed', nowMs);
  }

  #endWaits(): void {
    const { status } = this;
    delete status.trouble;
    delete status.waitingFor;
    delete status.input;
  }
}

/** The parts of a plan, in its order. */
export function makeParts(planned: readonly ResolvedStep[], steps: readonly StepStatus[]): Part[] {
  return listPartRefs(planned).map(({ step: name, kind }) => {
    const step = planned.find((each) => each.name === name);
    const status = steps.find((each) => each.name === name);
    if (!step || !status) throw new TypeError(`no status of ${name}`);
    return new Part(step, kind, status);
  });
}

/** Each step of a plan, followed by its finalizer. */
export function listPartRefs(
  steps: readonly Pick<ResolvedStep, 'name' | 'finalize'>[],
): Pick<Launch, 'step' | 'kind'>[] {
  return steps.flatMap(({ name, finalize }) => [
    { step: name, kind: 'step' as const },
    ...(finalize === undefined ? [] : [{ step: name, kind: 'finalizer' as const }]),
  ]);
}
