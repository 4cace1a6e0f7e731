import type { LaunchState } from '../domain/launch-state.ts';

/** What is written into a launch's directory: shell assignments, and the script as it is. */
export interface LaunchBody {
  /** For the supervisor. */
  readonly settings: string;
  /** For the script. */
  readonly env: string;
  readonly script: string;
}

/** The session a launch runs in; a finalizer has none. */
export interface SessionPlace {
  readonly session: string;
  readonly zmxPath: string;
  readonly zmxDir: string;
}

/** How far a launch is. */
export interface Progress {
  readonly logBytes: number;
  /** As it was printed: clean it before it is shown. */
  readonly lastLine: string;
}

/** Where to begin in a launch's log; with both it is the later of the two. */
export interface LogStart {
  /**
   * Early enough for all that was printed since: Unix seconds, or if negative seconds before now, by the host's clock. The
   * log bears no times: sizes are noted while somebody waits for the launch, so it may be (much) earlier.
   */
  readonly sinceS?: number;
  /** So many lines before the end. */
  readonly tailLines?: number;
}

/** A piece of a launch's log. */
export interface LogChunk {
  /** Of the launch, at that moment. */
  readonly state: LaunchState;
  /** As it was printed, secrets starred. */
  readonly bytes: Uint8Array;
  /** What comes before `bytes`, as much as was asked for. */
  readonly before: Uint8Array;
  /** Where `bytes` begins in the log. */
  readonly offset: number;
  /** Of the whole log, in bytes. */
  readonly size: number;
}
