import type { SshConnectionOptions } from './connection.ts';

/** How a pool grows and shrinks. */
export interface SshPoolOptions extends SshConnectionOptions {
  /** Commands at a time over one connection. Default 5: sshd refuses some from 8 on, MaxSessions is 10. */
  readonly sessionsPerConnection?: number;
  /** Default 16; further commands wait for a free session. */
  readonly connectionsPerHost?: number;
  /** A connection that nobody has used for so long is closed. Milliseconds; default 30 000. */
  readonly idleCloseMs?: number;
  /** How long commands wait for a free session before another connection is dialled. Milliseconds; default 50. */
  readonly growAfterMs?: number;
  /** How long `close` lets commands under way finish. Milliseconds; default 1 000. */
  readonly drainMs?: number;
  /** Called on what an operator may want in a log or a counter. */
  readonly onEvent?: (event: SshPoolEvent) => void;
}

/**
 * What happened to a connection. `gone`: it ended, whoever ended it. `session-refused`: the host opened no further session
 * on it, so from now on it gets fewer. `host` is `user@host:port`.
 */
export type SshPoolEvent =
  | { readonly kind: 'opened'; readonly host: string; readonly tookMs: number }
  | { readonly kind: 'dial-failed'; readonly host: string; readonly error: unknown }
  | { readonly kind: 'gone'; readonly host: string; readonly reason: string }
  | { readonly kind: 'session-refused'; readonly host: string };
