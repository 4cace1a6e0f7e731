import type { Command } from '../shell/index.ts';

/** How a remote command ended. `lost` means unknown: it may have run, run in part, or not at all. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'signalled'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'unknown' };

export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  /** Abort ends the channel at once and rejects with the signal's reason; what runs on the host may run on. */
  readonly signal?: AbortSignal;
  /** Called for every whole line of standard output as it arrives, without its line end. */
  readonly onLine?: (line: string) => void;
  /** No answer in this time counts as lost. Milliseconds; default: none. */
  readonly timeoutMs?: number;
  /** Bytes of stdout and of stderr kept; the rest is read and dropped, oldest kept. Default 1 MiB. */
  readonly maxOutputBytes?: number;
}

/**
 * Runs commands on one host. The seam of the project: the pool over ssh2 implements it, tests use a fake.
 *
 * `exec` resolves to an {@link Outcome} whatever the command did, and rejects with a ChandlerError only when no
 * command was sent because the host could not be reached or logged in to (host-unreachable, host-key-unknown,
 * host-key-mismatch, auth-failed, identity-unavailable, channel-refused).
 */
export interface Executor {
  exec(command: Command, options?: ExecOptions): Promise<Outcome>;
}
