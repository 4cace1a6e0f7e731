const MIN_MS = 8_000;
/** Below the shortest timeout of an activity. */
const MAX_MS = 50_000;

/**
 * Learns how long a host may take: for the login, to begin a command, because a startup file may be slow, or to answer a short one,
 * because a disk may be slow.
 */
export class Patience {
  readonly #minMs: number;
  #ms: number;

  /** Begins with a patience of `minMs`, and never has less. Milliseconds; default 8 000. */
  constructor(minMs: number = MIN_MS) {
    this.#minMs = minMs;
    this.#ms = minMs;
  }

  get ms(): number {
    return this.#ms;
  }

  /** Whether there is something to remember. */
  get isLearnt(): boolean {
    return this.#ms > this.#minMs;
  }

  /** Records how long the host took. */
  took(afterMs: number): void {
    this.#ms = Math.max(this.#minMs, Math.min(MAX_MS, 2 * afterMs));
  }

  /** Records that the host took longer than this. */
  ranOut(ms: number): void {
    this.#ms = Math.max(this.#ms, Math.min(MAX_MS, 2 * ms));
  }
}
