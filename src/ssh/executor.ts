import type { Command } from '../shell/index.ts';

/**
 * How a remote command ended. `lost` means unknown: it may have run, run in part, or not at all; with `started: 'no'`
 * certainly not at all. `signal` is as in `SIGKILL`.
 */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'signalled'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'unknown' };

/** What a command gets, and how long it may take. */
export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  /** Abort ends the channel at once and rejects with the signal's reason; what runs on the host may run on. */
  readonly signal?: AbortSignal;
  /** Called for every whole line of standard output as it arrives, without its line end; one over 64 KiB is cut. */
  readonly onLine?: (line: string) => void;
  /** No answer in this time counts as lost. Milliseconds; default: none. */
  readonly timeoutMs?: number;
  /** Bytes of stdout and of stderr kept; the rest is read and dropped, oldest kept. Default 1 MiB. */
  readonly maxOutputBytes?: number;
}

/**
 * Runs commands on one host. The seam of the project: the pool over ssh2 implements it, tests use a fake. One of your own
 * gives `render(command)` to a shell on the host, and calls `onLine`: what a host answers is read from there.
 */
export interface Executor {
  /**
   * Runs a command. Resolves to an {@link Outcome} whatever it did, and rejects only when no command was sent, or when
   * nobody wants to know any more.
   *
   * @throws ChandlerError host-unreachable, host-key-unknown, host-key-mismatch, auth-failed, identity-unavailable,
   *   channel-refused, host-unsupported; the signal's reason once `options.signal` is aborted
   */
  exec(command: Command, options?: ExecOptions): Promise<Outcome>;
}
