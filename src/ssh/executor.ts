import type { Command } from '../shell/index.ts';
import type { Patience } from './patience.ts';

/**
 * How a remote command ended. `lost` means unknown: it may have run, run in part, or not run; with `started: 'no'` it certainly
 * did not run. `signal` is a name such as `SIGKILL`.
 */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'signalled'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'unknown' };

/** The input and limits of a command. */
export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. */
  readonly stdin?: string | Uint8Array | undefined;
  /** An abort ends the channel at once and rejects with the signal's reason. The command may continue to run on the host. */
  readonly signal?: AbortSignal | undefined;
  /** Called once the host has accepted the command. */
  readonly onOpen?: () => void;
  /** Called with each chunk of standard output as it arrives, without a limit. The buffer is reused: copy what you keep. */
  readonly onOutput?: (chunk: Uint8Array) => void;
  /** A command without a result after this time counts as lost. Milliseconds; default: none. */
  readonly timeoutMs?: number | undefined;
  /** Bytes to keep of stdout and of stderr each. Longer output keeps the first and the last half of that. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  /** Bytes to keep of stdout, if `onOutput` receives all that matters. Default: `maxOutputBytes`. */
  readonly maxStdoutBytes?: number;
}

/**
 * Runs commands on one host. The pool over ssh2 implements it; tests use a fake. An executor of your own passes `render(command)`
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
  /** How long a short command may take once it has begun. Missing: no limit. */
  readonly answerPatience?: Patience | undefined;
}
