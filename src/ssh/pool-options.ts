import type { SshConnectionOptions } from './connection.ts';

/** How a pool grows and shrinks. */
export interface SshPoolOptions extends SshConnectionOptions {
  /** The number of simultaneous execs over one connection. Default 5: sshd allows 10 (MaxSessions) and refuses some from 8 on. */
  readonly execsPerConnection?: number;
  /** Default 16; further commands wait for a free connection. */
  readonly connectionsPerHost?: number;
  /**
   * The number of simultaneous dials. Default 64; through one jump host always 16. Dials to targets whose latest dial failed have
   * four times as many places of their own.
   */
  readonly dials?: number;
  /** Closes a connection that was unused for this time. Milliseconds; default 30 000. */
  readonly idleCloseMs?: number;
  /** Dials another connection for commands that have waited for this time. Milliseconds; default 50. */
  readonly growAfterMs?: number;
  /** How long `close` waits for running commands. Milliseconds; default 1 000. */
  readonly drainMs?: number;
  /** Receives events for logs and counters. */
  readonly onEvent?: (event: SshPoolEvent) => void;
}

/**
 * An event of a connection to `user@host:port`. `exec-refused`: the host refused another exec, so the pool lowers the number for
 * this connection.
 */
export type SshPoolEvent =
  | { readonly kind: 'opened'; readonly host: string; readonly tookMs: number }
  | { readonly kind: 'dial-failed'; readonly host: string; readonly error: unknown }
  | { readonly kind: 'gone'; readonly host: string; readonly reason: string }
  | { readonly kind: 'exec-refused'; readonly host: string };
