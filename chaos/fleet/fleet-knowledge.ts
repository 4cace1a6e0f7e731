import type { RunSurvey } from '../../src/activities/activity-types.ts';
import { amountOf } from '../../src/domain/fleet/amount.ts';
import { fleetWorkflowId } from '../../src/domain/fleet/fleet-id.ts';
import type { AuditEntry } from '../../src/domain/run/audit-trail.ts';
import type { HostReport } from '../../src/domain/fleet/host-report.ts';
import type { HostState } from '../../src/domain/fleet/host-tally.ts';
import type { DrawnFleet } from './draw-fleet.ts';
import type { FleetEvent } from './fleet-events.ts';

/** A host, as the judge follows it. */
export interface KnownHost {
  readonly name: string;
  readonly workflowId: string;
  /** Counted from 1. */
  readonly wave: number;
  state: HostState;
  firstRunId?: string;
  /** Its run before. After the report of its end it takes a moment to close. */
  formerRunId?: string | undefined;
  /** When it begins to count as failed. */
  overdueMs?: number;
  /** Its latest run has the steps that run once. */
  hasOnce: boolean;
  /** The digest of the plan of its latest run. */
  digest?: string;
  /** The server refused to start its run, because one is at work. */
  isRefused: boolean;
  /** It has changed in this task by what the workflow may learn only after its next moves: signals and updates come first. */
  isFresh: boolean;
}

/** Times of the server have fractions, those of a workflow have none. */
const SAME_TASK_MS = 1;

export const isAtWork = ({ state }: KnownHost) => state === 'running' || isParked(state);
export const isActive = ({ state }: KnownHost) => state === 'running' || state === 'parked';
export const countsAsFailed = ({ state }: KnownHost) => state === 'failed' || state === 'overdue';
const isParked = (state: HostState) => state === 'parked' || state === 'overdue';

/** What a fleet knows at each point of its history, found by the judge independently of the product's own bookkeeping. */
export class FleetKnowledge {
  readonly hosts: readonly KnownHost[];
  readonly limits: { concurrency: number; maxFailures: number | string; maxWaveFailures?: number | string };
  nowMs = 0;
  /** The latest wave that has begun, counted from 1. */
  wave = 1;
  isPaused = false;
  isEnding = false;
  isOnceDone = false;
  isChecked = false;
  /** When a host was last at work. */
  workedMs = 0;
  readonly #graceMs: number;
  readonly #fleetId: string;
  readonly #onceStep: string | undefined;
  readonly #refused: readonly AuditEntry[];
  #isCancelled = false;
  /** Signals are handled by the next task. */
  #waiting: FleetEvent[] = [];

  constructor(
    { name, rollout, steps }: DrawnFleet,
    hosts: readonly { readonly name: string; readonly workflowId: string; readonly wave: number }[],
    auditTrail: readonly AuditEntry[],
  ) {
    const { concurrency, maxFailures, maxWaveFailures, parkGrace = 0 } = rollout;
    this.hosts = hosts.map((host) => ({
      ...host,
      state: 'pending',
      hasOnce: false,
      isRefused: false,
      isFresh: false,
    }));
    this.limits = { concurrency, maxFailures, ...(maxWaveFailures !== undefined && { maxWaveFailures }) };
    this.#graceMs = Number(parkGrace);
    this.#refused = auditTrail.filter(({ refused }) => refused !== undefined);
    this.#fleetId = fleetWorkflowId(name);
    this.#onceStep = steps.find(({ once }) => once)?.name;
  }

  hostOf(workflowId: string): KnownHost | undefined {
    return this.hosts.find((host) => host.workflowId === workflowId);
  }

  /** How many hosts may fail, of the fleet or of a wave. */
  allowed(wave?: number): number {
    const { maxFailures, maxWaveFailures = Infinity } = this.limits;
    const limit = wave === undefined ? maxFailures : maxWaveFailures;
    const size = this.hosts.filter((host) => wave === undefined || host.wave === wave).length;
    return amountOf(limit, size);
  }

  beginWave(wave: number): void {
    this.wave = wave;
    this.isChecked = false;
  }

  apply(event: FleetEvent): void {
    if (event.kind === 'task') this.#beginTask(event.atMs);
    else if (event.kind === 'action' && !event.isSignal) this.#act(event);
    else if (event.kind === 'start') this.#start(event);
    else this.#waiting.push(event);
  }

  #beginTask(atMs: number): void {
    this.nowMs = atMs;
    // The workflow learns of a cancellation after its next moves.
    this.isEnding ||= this.#isCancelled;
    for (const host of this.hosts) host.isFresh = false;
    for (const event of this.#waiting.splice(0)) this.#learn(event);
    for (const host of this.hosts)
      if (host.state === 'parked' && (host.overdueMs ?? Infinity) <= atMs) host.state = 'overdue';
  }

  #learn(event: FleetEvent): void {
    switch (event.kind) {
      case 'report':
        return this.#report(event.report);
      case 'started':
        return this.#begun(event.workflowId, event.firstRunId);
      case 'closed':
        return this.#close(event.workflowId, event.firstRunId, event.isDone);
      case 'survey':
        for (const found of event.found) this.#survey(found);
        return;
      case 'refused': {
        const host = this.hostOf(event.workflowId);
        if (host) host.isRefused = true;
        return;
      }
      case 'cancel':
        this.#isCancelled = true;
        return;
      case 'check':
        this.isChecked ||= event.isWell;
        return;
      case 'action':
        if (!this.#isRefused(event)) this.#act(event);
        return;
      case 'task':
      case 'start':
        throw new TypeError(`${event.kind} does not wait`);
    }
  }

  #start({ workflowId, steps, digest }: FleetEvent & { kind: 'start' }): void {
    const host = this.hostOf(workflowId);
    if (!host) return;
    host.state = 'running';
    host.isRefused = false;
    host.hasOnce = this.#onceStep !== undefined && steps.includes(this.#onceStep);
    host.digest = digest;
    host.formerRunId = host.firstRunId ?? host.formerRunId;
    delete host.firstRunId;
  }

  #begun(workflowId: string, firstRunId: string): void {
    const host = this.hostOf(workflowId);
    if (host) host.firstRunId = firstRunId;
  }

  /** The audit trail has the time of the task. */
  #isRefused({ name }: FleetEvent & { kind: 'action' }): boolean {
    return this.#refused.some(
      ({ action, atMs }) => action === name && Math.abs(atMs - this.nowMs) <= SAME_TASK_MS,
    );
  }

  /** The fleet takes over a run of its own with the same plan, and counts a host with any other run as failed. */
  #survey({ workflowId, state, firstRunId = '', digest, parentId, failure }: RunSurvey): void {
    const host = this.hostOf(workflowId);
    if (!host || !isAtWork(host)) return;
    if (host.isRefused) {
      if (state !== 'open' || firstRunId === host.formerRunId) return;
      if (parentId === this.#fleetId && digest === host.digest) {
        host.isRefused = false;
        return this.#begun(workflowId, firstRunId);
      }
    } else if (host.firstRunId === firstRunId) {
      if (state === 'over') this.#close(workflowId, firstRunId, failure === undefined);
      return;
    }
    host.isFresh = true;
    this.#end(host, false);
  }

  #close(workflowId: string, firstRunId: string, isDone: boolean): void {
    const host = this.hostOf(workflowId);
    if (!host || host.firstRunId !== firstRunId || !isAtWork(host)) return;
    host.isFresh = true;
    this.#end(host, isDone);
  }

  #end(host: KnownHost, isDone: boolean): void {
    host.state = isDone ? 'done' : 'failed';
    this.workedMs = this.nowMs;
    if (isDone && host.hasOnce) this.isOnceDone = true;
  }

  #report({ workflowId, firstRunId, kind, failure }: HostReport): void {
    const host = this.hostOf(workflowId);
    if (!host || (host.firstRunId === undefined && host.formerRunId === firstRunId)) return;
    // After a reset, its run was started by the execution before.
    if (host.state === 'pending' && host.firstRunId !== firstRunId) {
      host.state = 'running';
      host.firstRunId = firstRunId;
    }
    host.firstRunId ??= firstRunId;
    if (host.firstRunId !== firstRunId || !isAtWork(host)) return;
    switch (kind) {
      case 'parked':
        if (host.state !== 'running') return;
        host.state = this.#graceMs === 0 ? 'overdue' : 'parked';
        host.overdueMs = this.nowMs + this.#graceMs;
        return;
      case 'unparked':
        host.state = 'running';
        return;
      case 'once':
        this.isOnceDone = true;
        return;
      case 'over':
        this.#end(host, failure === undefined);
    }
  }

  #act({ name, input }: FleetEvent & { kind: 'action' }): void {
    const named = new Set(input['hosts'] as readonly string[] | undefined);
    switch (name) {
      case 'pause':
        this.isPaused = true;
        return;
      case 'resume':
        this.isPaused = false;
        return;
      case 'abort':
        this.isEnding = true;
        return;
      case 'promote':
        this.beginWave(this.wave + 1);
        return;
      case 'setConcurrency':
      case 'setMaxFailures': {
        const { reason: _, requestId: _id, ...limits } = input;
        Object.assign(this.limits, limits);
        return;
      }
      case 'skipHosts':
        for (const host of this.hosts)
          if (named.has(host.name) && (host.state === 'failed' || host.state === 'pending'))
            host.state = 'skipped';
        return;
      case 'retry':
        for (const host of this.hosts) if (isRetried(host, named, input['which'])) host.state = 'pending';
        return;
      case 'retryStep':
    }
  }
}

function isRetried(
  { name, state, firstRunId }: KnownHost,
  named: ReadonlySet<string>,
  which: unknown,
): boolean {
  if (which === 'failed') return state === 'failed';
  if (which === 'notStarted') return state === 'skipped' && firstRunId === undefined;
  return named.has(name) && (state === 'failed' || state === 'skipped');
}
