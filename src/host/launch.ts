import type { LaunchState } from '../domain/run/launch-state.ts';
import type { RecordEntry } from '../domain/run/part-record.ts';

/** The content of a launch's directory: shell assignments, and the script as it is. */
export interface LaunchBody {
  /** For the supervisor: step, attempt and linger, one assignment each, without line ends. */
  readonly settings: readonly [string, string, string];
  /** For the script. */
  readonly env: string;
  readonly script: string;
}

/** The session in which a launch runs; a finalizer has none. */
export interface SessionPlace {
  readonly session: string;
  readonly zmxPath: string;
  readonly zmxDir: string;
}

/** The progress of a launch. */
export interface Progress {
  readonly logBytes: number;
  /** As printed, including control characters. */
  readonly lastLine: string;
  /** Identifies the prompt at which the step waits for keyboard input; empty if it does not wait, missing while unknown. */
  readonly prompt?: string;
}

/** How to wait for the end of a launch. In whole seconds. */
export interface WaitOptions {
  /** How long the launch may take to begin. Default 10. */
  readonly boundS?: number;
  /** The time between two reports of progress. Default 2. */
  readonly everyS?: number;
  /** When to stop although the launch runs on. Default: never. */
  readonly forS?: number;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Receives each report of progress. */
  readonly onProgress?: (progress: Progress) => void;
}

/** Where to begin in a launch's log; with both, the later of the two. */
export interface LogStart {
  /**
   * Everything printed since this time: Unix seconds, or if negative seconds before now, by the host's clock. The log contains no
   * times; its size is noted while a worker waits for the launch, so the result may begin (much) earlier.
   */
  readonly sinceS?: number;
  /** The number of lines before the end. */
  readonly tailLines?: number;
}

/** The time limit of a step's check, in seconds. */
export const CHECK_BOUND_S = 60;

/** How to run the check of a step. */
export interface CheckOptions {
  /** In seconds. */
  readonly boundS: number;
  /** What the host records if the check exits with 0. */
  readonly record?: RecordEntry | undefined;
  /** Nothing is recorded, and the call fails with lease-held, if another holder has the lease by then. */
  readonly lease?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which bytes of a launch's log to read. */
export interface LogOptions {
  /** An offset in bytes (negative: from the end), a time or a number of lines. */
  readonly start: number | LogStart;
  readonly maxBytes: number;
  /** How many seconds to wait for new output. */
  readonly followS?: number;
  /** The number of preceding bytes to return as well. */
  readonly before?: number;
  readonly signal?: AbortSignal;
}

/** A piece of a launch's log. */
export interface LogChunk {
  /** The state of the launch when the log was read. */
  readonly state: LaunchState;
  /** As printed, secrets masked. */
  readonly bytes: Uint8Array;
  /** The bytes before `bytes`, as many as requested. */
  readonly before: Uint8Array;
  /** Offset of `bytes` in the log. */
  readonly offset: number;
  /** Size of the whole log. Bytes. */
  readonly size: number;
}
