import { setTimeout as delay } from 'node:timers/promises';

const JITTER_MS = 20;
const MOST_JITTER_MS = 2_000;

/** Lets a bounded number of dials proceed at the same time, first come first served. */
export class DialGate {
  readonly #limit: number;
  readonly #spreads: boolean;
  readonly #queue: (() => void)[] = [];
  #passing = 0;

  /** `spreads`: a dial first waits for a random time, which grows with the number of the others. */
  constructor(limit: number, { spreads = false } = {}) {
    this.#limit = limit;
    this.#spreads = spreads;
  }

  async pass<T>(dial: () => Promise<T>): Promise<T> {
    if (this.#passing < this.#limit) this.#passing += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      const others = this.#passing - 1 + this.#queue.length;
      if (this.#spreads && others > 0)
        await delay(Math.random() * Math.min(MOST_JITTER_MS, others * JITTER_MS), undefined, { ref: false });
      return await dial();
    } finally {
      // A dial that waits takes over the place.
      const next = this.#queue.shift();
      if (next) next();
      else this.#passing -= 1;
    }
  }
}
