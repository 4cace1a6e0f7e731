import type { Connection } from './connection.ts';

/** The right to use a connection: for one command, or for one connection forwarded through it. */
export interface Lease {
  readonly connection: Connection;
  /** Whether nobody had used the connection before. */
  readonly fresh: boolean;
  /** Gives it back. A `leaked` session is one that we left while the host may still count it. */
  readonly release: (slot?: 'free' | 'leaked') => void;
  /** The host refused a further session: take fewer from now on. False if it refused even the only one. */
  readonly refused: () => boolean;
}

/** One connection of a pool and what is going on over it. */
export interface Member {
  readonly connection: Connection;
  /** Number of its dial; higher is newer. */
  readonly dial: number;
  /** Sessions that it may have at a time. */
  capacity: number;
  /** Sessions that we left and the host may still count. */
  leaked: number;
  sessions: number;
  forwards: number;
  used: boolean;
  idleTimer?: NodeJS.Timeout;
}

/** A session for a command, or a connection forwarded to another host. */
export type Need = 'session' | 'forward';

/** Somebody who waits for a connection. */
export interface Waiter {
  readonly need: Need;
  readonly newerThan: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
}

/** Whether a connection has what a waiter waits for. */
export function isUsable(member: Member, waiter: Waiter): boolean {
  if (member.connection.gone() !== undefined || member.dial <= waiter.newerThan || member.capacity <= 0)
    return false;
  return waiter.need === 'forward' || member.sessions < member.capacity;
}
