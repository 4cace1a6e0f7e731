const MIN_MS = 8_000;
/** Below the shortest timeout of an activity. */
const MAX_MS = 50_000;

/**
 * Learns from earlier commands how long a host may take: to begin one, because a login may be slow, or to answer a short one, because
 * a disk may be slow.
 */
export class Patience {
  #ms = MIN_MS;

  get ms(): number {
    return this.#ms;
  }

  /** Whether there is something to remember. */
  get isLearnt(): boolean {
    return this.#ms > MIN_MS;
  }

  /** Records how long the host took. */
  took(afterMs: number): void {
    this.#ms = Math.min(MAX_MS, Math.max(MIN_MS, 2 * afterMs));
  }

  /** Records that the host took longer than this. */
  ranOut(ms: number): void {
    this.#ms = Math.min(MAX_MS, Math.max(this.#ms, 2 * ms));
  }
}
