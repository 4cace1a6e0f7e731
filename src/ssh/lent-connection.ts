import type { Connection } from './connection.ts';

/**
 * What a refused command does: `wait` a moment, because the host may still count an exec that has just ended; `move` to another
 * connection; `fail`, because the host allows no exec at all.
 */
export type Refusal = 'wait' | 'move' | 'fail';

/** A connection of the pool, lent for one exec or for one forwarded connection. */
export interface LentConnection {
  readonly connection: Connection;
  readonly fresh: boolean;
  /** `leaked`: the exec was abandoned, and the host may still count it. */
  readonly release: (slot?: 'free' | 'leaked') => void;
  /** Call it after a refusal. Lowers the capacity unless the host may still count an exec that has just ended. */
  readonly refused: () => Refusal;
}

export interface Member {
  readonly connection: Connection;
  /** The number of its dial; higher is newer. */
  readonly dial: number;
  /** How many execs it may carry at once. */
  capacity: number;
  /** Abandoned execs that the host may still count. */
  leaked: number;
  execs: number;
  forwards: number;
  used: boolean;
  /** When an exec last ended, by performance.now(). */
  endedAt: number;
  idleTimer?: NodeJS.Timeout;
}

export type Need = 'exec' | 'forward';

export interface Waiter {
  readonly need: Need;
  readonly newerThan: number;
  readonly resolve: (lent: LentConnection) => void;
  readonly reject: (reason: unknown) => void;
}

export function isUsable(member: Member, waiter: Waiter): boolean {
  if (member.connection.gone() !== undefined || member.dial <= waiter.newerThan || member.capacity <= 0)
    return false;
  return waiter.need === 'forward' || member.execs < member.capacity;
}
