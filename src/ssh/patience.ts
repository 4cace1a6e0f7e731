const MIN_MS = 8_000;
/** Below the shortest timeout of an activity. */
const MAX_MS = 50_000;

/** Learns from earlier commands how long a host may take to begin one, because a login may be slow. */
export class Patience {
  #ms = MIN_MS;

  get ms(): number {
    return this.#ms;
  }

  /** Whether there is something to remember. */
  get isLearnt(): boolean {
    return this.#ms > MIN_MS;
  }

  /** Records how long a command took to begin. */
  began(afterMs: number): void {
    this.#ms = Math.min(MAX_MS, Math.max(MIN_MS, 2 * afterMs));
  }

  /** Records that a command did not begin within the time. */
  ranOut(ms: number): void {
    this.#ms = Math.min(MAX_MS, Math.max(this.#ms, 2 * ms));
  }
}
