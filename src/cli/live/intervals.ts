/** How often the live store asks, in milliseconds. */
export const intervals = {
  /** What is due is looked for this often. */
  tick: 100,
  list: 2000,
  /** The run under the cursor, or the only one. */
  focus: 300,
  /** The other runs in sight. */
  others: 1000,
  /** Heartbeats bring it, and they are slower than a status. */
  progress: 1000,
  log: 100,
  failed: 2000,
  /** A run without a worker: each request takes the whole {@link bounds.answer}. */
  silent: 10_000,
  /** A log that cannot be read is asked for less and less often, at least this often. */
  logRetry: 60_000,
  reconnect: 1000,
} as const;

/** How long an answer is waited for, in milliseconds. */
export const bounds = {
  answer: 5000,
  /** An answer that is later than this makes the store check whether the server still answers. */
  late: 1500,
  /** For the server to answer a request that needs no worker. */
  server: 2000,
  /** A worker reaches the host and reads a page of a log; the time that it waits for more comes on top. */
  log: 15_000,
} as const;
