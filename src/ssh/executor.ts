import type { Command } from '../shell/index.ts';
import type { Patience } from './patience.ts';

/**
 * How a remote command ended. `lost` means unknown: it may have run, run in part, or not at all; with `started: 'no'`
 * certainly not at all. `signal` is as in `SIGKILL`.
 */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'signalled'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'unknown' };

/** The input and limits of a command. */
export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Abort ends the channel at once and rejects with the signal's reason; what runs on the host may run on. */
  readonly signal?: AbortSignal | undefined;
  /** Called once the host has accepted the command. */
  readonly onOpen?: () => void;
  /** Called with each chunk of standard output as it arrives, without a limit. The buffer is reused: copy what you keep. */
  readonly onOutput?: (chunk: Uint8Array) => void;
  /** No answer in this time counts as lost. Milliseconds; default: none. */
  readonly timeoutMs?: number | undefined;
  /** Bytes kept of stdout and of stderr each; of longer output the first and the last half of that. Default 1 MiB. */
  readonly maxOutputBytes?: number;
}

/**
 * Runs commands on one host. The pool over ssh2 implements it; tests use a fake. Your own executor passes `render(command)`
 * to a shell on the host and calls `onOutput`, from which answers are read.
 */
export interface Executor {
  /**
   * Runs a command. Resolves to an {@link Outcome} whatever the command did; rejects only if no command was sent or the
   * signal was aborted.
   *
   * @throws ChandlerError host-unreachable, host-key-unknown, host-key-mismatch, auth-failed, identity-unavailable,
   *   channel-refused, host-unsupported; the signal's reason once `options.signal` is aborted
   */
  exec(command: Command, options?: ExecOptions): Promise<Outcome>;
  /** How long a command may take to begin. Missing: no limit. */
  readonly patience?: Patience | undefined;
}
