/** How often the live store asks, in milliseconds. */
export const intervals = {
  /** How often the store checks which questions are due. */
  tick: 100,
  list: 2000,
  fleet: 500,
  /** For the run under the cursor, or the only one. */
  focus: 300,
  /** For the other visible runs. */
  others: 1000,
  /** For the other runs where each change is a line. The interval grows with the number of runs, by `eachOtherInLines` for each. */
  othersInLines: 500,
  eachOtherInLines: 20,
  /** For output, which heartbeats deliver more slowly than a status changes. */
  progress: 1000,
  log: 100,
  failed: 2000,
  /** For a run without a worker, where each request lasts the whole {@link bounds.answer}. */
  silent: 10_000,
  /** The longest interval for a log that cannot be read; it grows with each failure. */
  logRetry: 60_000,
  reconnect: 1000,
} as const;

/** How long to wait for an answer, in milliseconds. */
export const bounds = {
  answer: 5000,
  /** If an answer takes longer, the store checks whether the server still answers. */
  late: 1500,
  /** For a request that the server answers without a worker. */
  server: 2000,
  /** For a worker to reach the host and read a page of a log. The time it waits for new output comes on top. */
  log: 15_000,
} as const;
