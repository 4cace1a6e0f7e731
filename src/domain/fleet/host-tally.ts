import type { Wave } from './waves.ts';

/**
 * The state of a host in a fleet. `parked`: its run needs attention. `overdue`: it has needed attention for so long that it
 * counts as failed. `skipped`: an operator had it treated as done.
 */
export type HostState = 'pending' | 'running' | 'parked' | 'overdue' | 'failed' | 'done' | 'skipped';

/** How many hosts are in each state. */
export type StateCounts = Readonly<Record<HostState, number>>;

/** One letter for each state, so that the states of thousands of hosts are a short text. */
const LETTERS: Readonly<Record<HostState, string>> = {
  pending: '.',
  running: 'r',
  parked: 'p',
  overdue: 'o',
  failed: 'f',
  done: 'd',
  skipped: 's',
};
const STATES = new Map(Object.entries(LETTERS).map(([state, letter]) => [letter, state as HostState]));
export const hostStates = Object.keys(LETTERS) as HostState[];

/** The state of every host, and how many are in each state, in the fleet and in each wave. */
export class HostTally {
  readonly #states: HostState[];
  readonly #waveOf: number[];
  readonly #all: Record<HostState, number>;
  readonly #waves: Record<HostState, number>[];

  /** `states` has a letter for each host; default: all are pending. */
  constructor(waves: readonly Wave[], states?: string) {
    const total = waves.reduce((sum, wave) => sum + wave.length, 0);
    this.#waveOf = Array.from({ length: total }, () => 0);
    for (const [wave, hosts] of waves.entries()) for (const host of hosts) this.#waveOf[host] = wave;
    this.#states = Array.from({ length: total }, (_, i) => STATES.get(states?.[i] ?? '.') ?? 'pending');
    this.#all = noHosts();
    this.#waves = waves.map(noHosts);
    for (const [host, state] of this.#states.entries()) this.#add(host, state, 1);
  }

  get total(): number {
    return this.#states.length;
  }

  stateOf(host: number): HostState {
    return this.#states[host] ?? 'pending';
  }

  waveOf(host: number): number {
    return this.#waveOf[host] ?? 0;
  }

  set(host: number, state: HostState): void {
    this.#add(host, this.stateOf(host), -1);
    this.#states[host] = state;
    this.#add(host, state, 1);
  }

  get counts(): StateCounts {
    return this.#all;
  }

  countsOf(wave: number): StateCounts {
    return this.#waves[wave] ?? noHosts();
  }

  /** Counts the hosts one by one, independently of what {@link counts} adds up. */
  recount(): StateCounts {
    const found = noHosts();
    for (const state of this.#states) found[state] += 1;
    return found;
  }

  /** Every host's letter, for the constructor. */
  letters(): string {
    return this.#states.map((state) => LETTERS[state]).join('');
  }

  #add(host: number, state: HostState, by: number): void {
    this.#all[state] += by;
    const wave = this.#waves[this.waveOf(host)];
    if (wave) wave[state] += by;
  }
}

/** Hosts that count against the concurrency. */
export function activeIn({ running, parked }: StateCounts): number {
  return running + parked;
}

/** Hosts that use the error budget. */
export function failuresIn({ failed, overdue }: StateCounts): number {
  return failed + overdue;
}

function noHosts(): Record<HostState, number> {
  return { pending: 0, running: 0, parked: 0, overdue: 0, failed: 0, done: 0, skipped: 0 };
}
