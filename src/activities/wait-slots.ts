import { Context } from '@temporalio/activity';
import { constrainedMemory, availableMemory } from 'node:process';
import { totalmem } from 'node:os';
import type { Finding } from '../domain/run/finding.ts';
import { ChandlerError } from '../domain/run/failure.ts';

/**
 * After this time the server offers a refused wait again; the time grows with each refusal, to limit the load. In milliseconds.
 */
const OFFER_AGAIN_MS = 2_000;
const OFFER_AGAIN_AT_MOST_MS = 30_000;

/** How many activities a worker runs at once. */
export interface Slots {
  /** Waits for steps, finalizers, markers and scripts: each may take days. */
  readonly waits: number;
  /** Everything else, so that it never queues behind waits. */
  readonly shortActivities: number;
}

/**
 * Limits the waits of a worker. A wait beyond the limit is refused with `no-worker`, and the server offers it again, to this
 * worker or to another with room. The worker has more task slots than waits, so waits always leave slots for short activities.
 */
export class WaitSlots {
  readonly #limits: Slots;
  /** Whether the machine has memory for one more wait. */
  readonly #hasRoom: () => boolean;
  #used = 0;

  constructor(limits: Slots, hasRoom: () => boolean = () => true) {
    this.#limits = limits;
    this.#hasRoom = hasRoom;
  }

  /**
   * Runs a wait if there is room, or if `isOver` confirms that the wait ends at once.
   *
   * @throws ChandlerError no-worker
   */
  async hold<T>(wait: () => Promise<T>, isOver?: () => Promise<boolean>): Promise<T> {
    const refusal = this.refusalReason();
    if (refusal !== undefined && !(await isOver?.())) {
      throw new ChandlerError('no-worker', refusal, {
        facts: {
          advice:
            'Start another worker, or raise CHANDLER_MAX_WAITS of this one. The wait starts once there is room.',
          retryAfterMs: Math.min(OFFER_AGAIN_AT_MOST_MS, OFFER_AGAIN_MS * Context.current().info.attempt),
        },
      });
    }
    this.#used += 1;
    try {
      return await wait();
    } finally {
      this.#used -= 1;
    }
  }

  /** Why no wait can be added now; undefined if one can. */
  refusalReason(): string | undefined {
    const { waits } = this.#limits;
    if (this.#used >= waits) return `all ${waits} slots for waits are in use on this worker`;
    return this.#hasRoom()
      ? undefined
      : `the worker's machine has too little memory for more than ${this.#used} waits`;
  }

  /** The finding that `doctor` shows. */
  inspect(): Finding {
    const { waits, shortActivities } = this.#limits;
    const about = { id: 'slots', subject: 'slots of the worker' };
    const full = this.refusalReason();
    return full === undefined
      ? {
          ...about,
          verdict: 'ok',
          message: `${this.#used} of ${waits} waits; ${shortActivities} more slots for short activities`,
        }
      : {
          ...about,
          verdict: 'warning',
          message: `${full}: the end of further steps is noticed late`,
          fix: 'start another worker, or raise CHANDLER_MAX_WAITS',
        };
  }
}

/** The used fraction of the memory that this process may use, from 0 to 1. */
export function memoryUsage(): number {
  // A process without a limit reports 0, or more memory than the machine has.
  const most = Math.min(totalmem(), constrainedMemory() || Infinity);
  return 1 - availableMemory() / most;
}
