/**
 * How soon a fault is noticed and left behind, all in one place; `npm run bench:recovery` measures what it comes to.
 */
export const timing = {
  /** How often a wait reports. Five beats fit into the silence that is allowed, so a short stall moves nothing. */
  heartbeatEveryMs: 2_000,
  /**
   * How long a worker may be silent before another takes over its waits. With the server's own reaction a dead worker's
   * wait goes on elsewhere within this plus a second; shorter would move waits whenever a machine stalls.
   */
  heartbeatTimeoutMs: 10_000,
  /** How long the server holds a workflow for the worker that knew it: replay on another takes some 20 ms. */
  stickyTimeoutMs: 3_000,
  /**
   * How often a connection is asked for a sign of life, and how many unanswered probes end it: a black hole is noticed
   * within three probes, before the worker's own silence would be. Under load a healthy host has answered within one.
   */
  keepaliveEveryMs: 3_000,
  keepaliveCount: 2,
  /**
   * How long a host that has accepted a connection may be silent before that is reported: trouble is shown within 10 s.
   * A host that was silent once is waited for longer the next time.
   */
  greetingMs: 7_000,
  /**
   * How long an address may take to accept a connection. TCP repeats its first packet after 1 s and 3 s; together with
   * the longest pause between two attempts, a host that is back is noticed within 3 s.
   */
  connectMs: 2_500,
  /** An attempt costs a dial (some 80 ms), so the first retry comes at once and none is far from the one before. */
  firstRetryMs: 500,
  retryBackoff: 1.5,
  longestRetryMs: 1_200,
  /** How long activities of a stopping worker have to let go of their connections; nothing on a host is disturbed. */
  shutdownGraceMs: 2_000,
  /**
   * How long after that a stopping worker waits for the SDK, which waits for an answer of the server that may not come.
   * Whatever the worker held is taken over as if it had been killed.
   */
  shutdownPatienceMs: 3_000,
} as const;
