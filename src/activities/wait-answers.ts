/** A launch that ended with exit code 0. Every other ending is a failure with a code. */
export interface Ended {
  readonly exitCode: 0;
  readonly elapsedMs: number;
  readonly logBytes: number;
  /** See {@link PartStatus.notes}; missing if there is nothing to note. */
  readonly notes?: readonly string[];
}

/** A launch that runs. */
export interface Started {
  /** How long it has been running at least, by the worker's clock. */
  readonly startedMsAgo: number;
}

/** A launch that has begun or stopped waiting for keyboard input. */
export interface Prompted {
  /** The prompt as the host reports it; empty if the launch does not wait. */
  readonly prompt: string;
  readonly lastLine: string;
  /** The ssh command that attaches to its terminal. */
  readonly attach: string;
}
