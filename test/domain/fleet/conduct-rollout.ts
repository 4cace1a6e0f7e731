import { amountOf } from '../../../src/domain/fleet/amount.ts';
import { hostStates, type HostState } from '../../../src/domain/fleet/host-tally.ts';
import { Rollout } from '../../../src/domain/fleet/rollout.ts';
import type { RolloutLimits, RolloutPlan, RolloutSnapshot } from '../../../src/domain/fleet/rollout-state.ts';

/** Something that happens to a fleet. `pick` chooses a host, a time or a number. */
export interface Op {
  readonly kind:
    | 'done'
    | 'failed'
    | 'parked'
    | 'unparked'
    | 'retry'
    | 'skip'
    | 'once'
    | 'wait'
    | 'promote'
    | 'checkFailed'
    | 'pause'
    | 'resume'
    | 'restart'
    | 'resize'
    | 'budget'
    | 'abortFinish'
    | 'abortEnd';
  readonly pick: number;
}

const FINAL: readonly HostState[] = ['done', 'failed', 'skipped', 'overdue'];

/**
 * Drives a rollout as its workflow does, and checks every decision against what a plain list of states allows. Throws when the
 * rollout starts a host too many, loses one, or waits for nothing.
 */
export class Conduct {
  #rollout: Rollout;
  readonly #plan: RolloutPlan;
  readonly #total: number;
  readonly #starts: number[];
  readonly #allowedStarts: number[];
  #nowMs = 1000;
  #promotes = 0;
  #once = false;

  constructor(plan: RolloutPlan, limits: RolloutLimits) {
    this.#plan = plan;
    this.#total = plan.waves.flat().length;
    this.#rollout = new Rollout(plan, limits);
    this.#starts = Array.from({ length: this.#total }, () => 0);
    this.#allowedStarts = Array.from({ length: this.#total }, () => 1);
    this.#step();
  }

  apply({ kind, pick }: Op): void {
    const rollout = this.#rollout;
    switch (kind) {
      case 'done':
      case 'failed':
        this.#onOne(['running', 'parked', 'overdue'], pick, (host) => this.#end(host, kind));
        break;
      case 'parked':
        this.#onOne(['running'], pick, (host) => rollout.parked(host, this.#nowMs));
        break;
      case 'unparked':
        this.#onOne(['parked', 'overdue'], pick, (host) => rollout.unparked(host));
        break;
      case 'retry':
        this.#onOne(['failed', 'skipped'], pick, (host) => this.#retry(host));
        break;
      case 'skip':
        this.#onOne(['failed', 'pending'], pick, (host) => rollout.skip([host]));
        break;
      case 'once':
        this.#onOne(['running'], pick, (host) => this.#onceDone(host));
        break;
      case 'wait':
        this.#nowMs += pick;
        break;
      case 'promote':
        this.#promote();
        break;
      case 'checkFailed':
        rollout.checkFailed('exit 1');
        break;
      case 'pause':
        rollout.pause();
        break;
      case 'resume':
        rollout.resume();
        break;
      case 'restart':
        this.#restart();
        break;
      case 'resize':
        rollout.limits.concurrency = pick;
        break;
      case 'budget':
        rollout.limits.maxFailures = pick;
        break;
      case 'abortFinish':
        rollout.abort('finish');
        break;
      case 'abortEnd':
        rollout.abort('end');
        break;
    }
    this.#step();
  }

  /** Lets everything go well from here, and expects the fleet to end. */
  finish(): void {
    this.#rollout.resume();
    this.#rollout.limits.maxFailures = '100%';
    delete this.#rollout.limits.maxWaveFailures;
    for (let turn = 0; turn < 20 * this.#total + 20; turn += 1) {
      this.#step();
      if (this.#rollout.isOver) break;
      this.#nowMs += 100;
      for (const host of this.#hostsIn(['running', 'parked', 'overdue'])) this.#end(host, 'done');
      if (this.#rollout.isHeldByOnce) for (const host of this.#hostsIn(['failed'])) this.#retry(host);
      if (this.#rollout.gate?.kind === 'promote' || this.#rollout.gate?.kind === 'check') this.#promote();
    }
    must(this.#rollout.isOver, 'the fleet ends');
    const left = this.#hostsIn(['pending', 'running', 'parked', 'overdue']);
    must(this.#rollout.aborting !== undefined || left.length === 0, 'every host ends');
  }

  /** Asks for the next moves, and checks them. */
  #step(): void {
    const before = this.#states();
    const waveBefore = this.#rollout.wave;
    const { start, wakeAtMs } = this.#rollout.next(this.#nowMs);
    this.#checkSum();
    this.#checkStarts(before, start);
    this.#checkWaves(waveBefore, start);
    this.#checkProgress(wakeAtMs);
  }

  #checkSum(): void {
    const found = this.#rollout.tally.recount();
    const { counts } = this.#rollout;
    for (const state of hostStates) must(counts[state] === found[state], `the count of ${state}`);
    must(hostStates.reduce((sum, state) => sum + found[state], 0) === this.#total, 'the sum');
  }

  #checkStarts(before: readonly HostState[], start: readonly number[]): void {
    if (start.length === 0) return;
    const { isPaused, aborting, limits, wave } = this.#rollout;
    const states = this.#states();
    must(!isPaused && aborting === undefined, 'nothing starts in a paused or aborted fleet');
    const failures = countIn(states, ['failed', 'overdue']);
    must(failures <= amountOf(limits.maxFailures, this.#total), 'the error budget of the fleet');
    const { maxWaveFailures } = limits;
    for (const hosts of maxWaveFailures === undefined ? [] : this.#plan.waves.slice(0, wave + 1)) {
      const inWave = countIn(
        hosts.map((host) => states[host] ?? 'pending'),
        ['failed', 'overdue'],
      );
      must(inWave <= amountOf(maxWaveFailures ?? 0, hosts.length), 'the error budget of a wave');
    }
    must(countIn(states, ['running', 'parked']) <= limits.concurrency, 'the concurrency');
    if (this.#plan.hasOnce && !this.#once)
      must(start.length === 1 && start[0] === this.#rollout.onceHost, 'steps that run once come first');
    for (const host of start) {
      must(before[host] === 'pending', `${host} was pending`);
      this.#starts[host] = (this.#starts[host] ?? 0) + 1;
      must((this.#starts[host] ?? 0) <= (this.#allowedStarts[host] ?? 0), `${host} starts once`);
      must(this.#waveOf(host) <= wave, `the wave of ${host} has begun`);
    }
  }

  #checkWaves(waveBefore: number, started: readonly number[]): void {
    const { wave } = this.#rollout;
    if (wave === waveBefore) return;
    const states = this.#states();
    for (const host of this.#plan.waves.slice(0, wave).flat())
      must(
        started.includes(host) || FINAL.includes(states[host] ?? 'pending'),
        `the wave of ${host} is over`,
      );
    const { kind } = this.#plan.pause;
    must(kind === 'none' || kind === 'time' || wave <= this.#promotes, 'a wave waits for promote');
  }

  /** A fleet in which nothing is at work must wait for something that can be named. */
  #checkProgress(wakeAtMs: number | undefined): void {
    const { gate, isPaused, aborting, isExceeded, isHeldByOnce, isOver } = this.#rollout;
    const states = this.#states();
    if (countIn(states, ['running', 'parked', 'overdue']) > 0 || countIn(states, ['pending']) === 0) return;
    const waits = [isPaused, aborting, isExceeded, isHeldByOnce, isOver, gate, wakeAtMs];
    must(
      waits.some((each) => each !== undefined && each !== false),
      'the fleet waits for something',
    );
  }

  #waveOf(host: number): number {
    return this.#plan.waves.findIndex((hosts) => hosts.includes(host));
  }

  #end(host: number, state: 'done' | 'failed'): void {
    if (state === 'done' && host === this.#rollout.onceHost) this.#once = true;
    this.#rollout.ended(host, state);
  }

  #onceDone(host: number): void {
    if (host === this.#rollout.onceHost) this.#once = true;
    this.#rollout.onceDone(host);
  }

  #retry(host: number): void {
    // A skipped host that has never started is allowed its first start.
    this.#allowedStarts[host] = (this.#starts[host] ?? 0) + 1;
    this.#rollout.retry([host]);
  }

  #promote(): void {
    const { wave, gate, isWaveOver } = this.#rollout;
    if (gate && isWaveOver) this.#promotes += 1;
    this.#rollout.promote();
    this.#checkWaves(wave, []);
  }

  /** A worker died, or the history got long: only the snapshot is left. */
  #restart(): void {
    const snapshot = JSON.parse(JSON.stringify(this.#rollout.snapshot())) as RolloutSnapshot;
    this.#rollout = new Rollout(this.#plan, snapshot);
    must(JSON.stringify(this.#rollout.snapshot()) === JSON.stringify(snapshot), 'the snapshot is complete');
  }

  #onOne(states: readonly HostState[], pick: number, act: (host: number) => void): void {
    const hosts = this.#hostsIn(states);
    const host = hosts[pick % hosts.length];
    if (host !== undefined) act(host);
  }

  #states(): HostState[] {
    return Array.from({ length: this.#total }, (_, host) => this.#rollout.tally.stateOf(host));
  }

  #hostsIn(states: readonly HostState[]): number[] {
    return this.#states().flatMap((state, host) => (states.includes(state) ? [host] : []));
  }
}

function countIn(states: readonly HostState[], wanted: readonly HostState[]): number {
  return states.filter((state) => wanted.includes(state)).length;
}

/** Cheaper than an assertion of the test runner, for hundreds of thousands of steps. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`violated: ${what}`);
}
