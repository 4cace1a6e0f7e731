import { amountOf } from './amount.ts';
import { activeIn, failuresIn, HostTally, type HostState, type StateCounts } from './host-tally.ts';
import type { Gate, NextMoves, RolloutLimits, RolloutPlan, RolloutSnapshot } from './rollout-state.ts';
import { windowAt } from './slow-start.ts';

/**
 * Decides which host of a fleet starts when. Knows neither time nor network: it is told what has happened, and {@link next}
 * says what to do. A host counts as failed as soon as its run has failed or has needed attention for too long.
 */
export class Rollout {
  readonly tally: HostTally;
  readonly limits: RolloutLimits;
  readonly #plan: RolloutPlan;
  readonly #order: readonly number[];
  #wave: number;
  #gate: Gate | undefined;
  #paused: boolean;
  #aborting: 'finish' | 'end' | undefined;
  #onceBy: number | undefined;
  #again: number[];
  /** The position in `#order` before which no host is pending, except for those in `#again`. */
  #cursor = 0;
  readonly #overdueAt: Map<number, number>;
  #startingSinceMs: number | undefined;

  constructor(plan: RolloutPlan, begun: RolloutLimits & Partial<RolloutSnapshot>) {
    this.#plan = plan;
    this.#order = plan.waves.flat();
    this.tally = new HostTally(plan.waves, begun.states);
    const { concurrency, maxFailures, maxWaveFailures } = begun;
    this.limits = { concurrency, maxFailures, ...(maxWaveFailures !== undefined && { maxWaveFailures }) };
    this.#wave = begun.wave ?? 0;
    this.#gate = begun.gate;
    this.#paused = begun.paused ?? false;
    this.#aborting = begun.aborting;
    this.#onceBy = begun.onceBy;
    this.#again = [...(begun.again ?? [])];
    this.#overdueAt = new Map(begun.overdueAt);
    this.#startingSinceMs = begun.startingSinceMs;
  }

  snapshot(): RolloutSnapshot {
    return {
      ...this.limits,
      states: this.tally.letters(),
      wave: this.#wave,
      ...(this.#gate && { gate: this.#gate }),
      ...(this.#paused && { paused: true }),
      ...(this.#aborting && { aborting: this.#aborting }),
      ...(this.#onceBy !== undefined && { onceBy: this.#onceBy }),
      ...(this.#again.length > 0 && { again: this.#again }),
      ...(this.#overdueAt.size > 0 && { overdueAt: [...this.#overdueAt] }),
      ...(this.#startingSinceMs !== undefined && { startingSinceMs: this.#startingSinceMs }),
    };
  }

  get wave(): number {
    return this.#wave;
  }
  get waveCount(): number {
    return this.#plan.waves.length;
  }
  get gate(): Gate | undefined {
    return this.#gate;
  }
  get isPaused(): boolean {
    return this.#paused;
  }
  get aborting(): 'finish' | 'end' | undefined {
    return this.#aborting;
  }
  get counts(): StateCounts {
    return this.tally.counts;
  }

  /** Whether more hosts have failed than the fleet, or a wave that has begun, allows. */
  get isExceeded(): boolean {
    return this.exceededWave !== undefined || failuresIn(this.counts) > this.allowedFailures;
  }
  get allowedFailures(): number {
    return amountOf(this.limits.maxFailures, this.tally.total);
  }
  /** The first wave with more failures than a wave may have. */
  get exceededWave(): number | undefined {
    const { maxWaveFailures } = this.limits;
    if (maxWaveFailures === undefined || failuresIn(this.counts) === 0) return undefined;
    for (let wave = 0; wave <= this.#wave; wave += 1) {
      const size = this.#plan.waves[wave]?.length ?? 0;
      if (failuresIn(this.tally.countsOf(wave)) > amountOf(maxWaveFailures, size)) return wave;
    }
    return undefined;
  }

  /** The host that runs the steps which run once: the one that has, or else the first that is not skipped. */
  get onceHost(): number | undefined {
    if (!this.#plan.hasOnce) return undefined;
    return this.#onceBy ?? this.#order.find((host) => this.tally.stateOf(host) !== 'skipped');
  }
  /** Whether every host waits for steps that run once, and their host has failed or needs attention. */
  get isHeldByOnce(): boolean {
    const host = this.onceHost;
    if (this.#onceBy !== undefined || host === undefined) return false;
    const state = this.tally.stateOf(host);
    return state === 'failed' || state === 'parked' || state === 'overdue';
  }

  /** Whether no host of the waves that have begun is active or still has to start. */
  get isWaveOver(): boolean {
    if (activeIn(this.counts) > 0) return false;
    for (let wave = this.#wave; wave >= 0; wave -= 1) if (this.tally.countsOf(wave).pending > 0) return false;
    return true;
  }

  /** Whether nothing is left to do or to wait for. */
  get isOver(): boolean {
    const { pending, overdue } = this.counts;
    if (activeIn(this.counts) > 0) return false;
    if (this.#aborting) return this.#aborting === 'finish' || overdue === 0;
    return pending === 0 && overdue === 0 && !this.isExceeded;
  }

  /** Returns what to do at this time, and counts the hosts that it starts as running. */
  next(nowMs: number): NextMoves {
    this.#countOverdue(nowMs);
    this.#releaseWaves(nowMs);
    const start: number[] = [];
    const times = [...this.#overdueAt.values()];
    if (!this.#isHeld) {
      for (let host = this.#nextHost(); host !== undefined; host = this.#nextHost()) {
        this.#startingSinceMs ??= nowMs;
        const { window, growsAtMs } = windowAt(this.limits, this.#plan, nowMs - this.#startingSinceMs);
        if (activeIn(this.counts) >= window) {
          if (growsAtMs !== undefined) times.push(this.#startingSinceMs + growsAtMs);
          break;
        }
        this.#begin(host);
        start.push(host);
      }
      if (this.#gate?.kind === 'time' && this.isWaveOver) times.push(this.#gate.untilMs);
    }
    return { start, ...(times.length > 0 && { wakeAtMs: Math.min(...times) }) };
  }

  /** A pending host has a run already: an operator reset the fleet. */
  adopt(host: number): void {
    if (this.tally.stateOf(host) === 'pending') this.#begin(host);
  }

  /** The run of a host needs attention. */
  parked(host: number, nowMs: number): void {
    if (this.tally.stateOf(host) !== 'running') return;
    const { parkGraceMs } = this.#plan;
    this.tally.set(host, parkGraceMs === 0 ? 'overdue' : 'parked');
    if (parkGraceMs > 0) this.#overdueAt.set(host, nowMs + parkGraceMs);
  }

  /** The run of a host no longer needs attention. */
  unparked(host: number): void {
    if (!isParked(this.tally.stateOf(host))) return;
    this.#overdueAt.delete(host);
    this.tally.set(host, 'running');
  }

  /** The run of a host is over, or could not start. */
  ended(host: number, state: 'done' | 'failed'): void {
    const before = this.tally.stateOf(host);
    if (before !== 'running' && !isParked(before)) return;
    this.#overdueAt.delete(host);
    if (state === 'done' && host === this.onceHost) this.#onceBy ??= host;
    this.tally.set(host, state);
  }

  /** A host has done the steps that run once. */
  onceDone(host: number): void {
    if (host === this.onceHost) this.#onceBy ??= host;
  }

  /** Makes failed and skipped hosts start again, before all others. */
  retry(hosts: readonly number[]): void {
    for (const host of hosts) {
      const state = this.tally.stateOf(host);
      if (state !== 'failed' && state !== 'skipped') continue;
      this.tally.set(host, 'pending');
      if (!this.#isAhead(host)) this.#again.push(host);
    }
  }

  /** Treats failed and pending hosts as done. */
  skip(hosts: readonly number[]): void {
    for (const host of hosts) {
      const state = this.tally.stateOf(host);
      if (state !== 'failed' && state !== 'pending') continue;
      this.#again = this.#again.filter((each) => each !== host);
      this.tally.set(host, 'skipped');
    }
  }

  /** Starts the next wave without waiting any longer, if the present one is over. */
  promote(): void {
    if (this.#gate && this.isWaveOver) this.#release();
  }

  /** The check between two waves did not succeed in time. */
  checkFailed(reason: string): void {
    if (this.#gate?.kind === 'check') this.#gate = { kind: 'check', failed: reason };
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#startingSinceMs = undefined;
  }

  abort(how: 'finish' | 'end'): void {
    this.#aborting = how;
  }

  /** Whether nothing may start. */
  get #isHeld(): boolean {
    return this.#paused || this.#aborting !== undefined || this.isExceeded;
  }

  #begin(host: number): void {
    this.#again = this.#again.filter((each) => each !== host);
    this.tally.set(host, 'running');
  }

  #countOverdue(nowMs: number): void {
    for (const [host, atMs] of this.#overdueAt) {
      if (atMs > nowMs) continue;
      this.#overdueAt.delete(host);
      this.tally.set(host, 'overdue');
    }
  }

  /** Begins the next wave once the present one is over and what follows it has passed. */
  #releaseWaves(nowMs: number): void {
    const { waves, pause } = this.#plan;
    // A host of the wave was retried meanwhile, so what follows the wave begins anew once it is over again.
    if (!this.isWaveOver) this.#gate = undefined;
    while (this.#wave < waves.length - 1 && !this.#isHeld && this.isWaveOver) {
      this.#gate ??= openGate(pause, nowMs);
      const isOpen = !this.#gate || (this.#gate.kind === 'time' && this.#gate.untilMs <= nowMs);
      if (!isOpen) return;
      this.#release();
    }
  }

  #release(): void {
    this.#wave += 1;
    this.#gate = undefined;
    this.#startingSinceMs = undefined;
  }

  /** The host to start next, if one may start. */
  #nextHost(): number | undefined {
    if (this.#plan.hasOnce && this.#onceBy === undefined) {
      const host = this.onceHost;
      const isReady =
        host !== undefined && this.tally.stateOf(host) === 'pending' && this.tally.waveOf(host) <= this.#wave;
      return isReady ? host : undefined;
    }
    const [again] = this.#again;
    if (again !== undefined) return again;
    while (this.#cursor < this.#order.length) {
      const host = this.#order[this.#cursor] ?? 0;
      if (this.tally.waveOf(host) > this.#wave) return undefined;
      if (this.tally.stateOf(host) === 'pending') return host;
      this.#cursor += 1;
    }
    return undefined;
  }

  /** Whether the cursor has yet to reach a host. */
  #isAhead(host: number): boolean {
    return this.#order.indexOf(host, this.#cursor) >= 0;
  }
}

function isParked(state: HostState): boolean {
  return state === 'parked' || state === 'overdue';
}

function openGate(pause: RolloutPlan['pause'], nowMs: number): Gate | undefined {
  if (pause.kind === 'none') return undefined;
  return pause.kind === 'time' ? { kind: 'time', untilMs: nowMs + pause.ms } : { kind: pause.kind };
}
