/** How soon a fault is noticed and overcome. All such times are here; `npm run bench:recovery` measures their effect. */
export const timing = {
  /** How often an activity sends a heartbeat. Five fit into the timeout below, so that a short stall moves no wait. */
  heartbeatEveryMs: 2_000,
  /**
   * How long a worker may be silent before another takes over its activities. With the server's own delay, the wait of a dead
   * worker continues elsewhere within this time plus a second. A shorter time would move waits whenever a machine stalls.
   */
  heartbeatTimeoutMs: 10_000,
  /**
   * The same for the wait for a step of at least this age. The older a step is, the less it matters that its end is noticed late.
   * No stall of less than 8 s moves a wait.
   */
  olderWaits: [
    { fromAgeMs: 60_000, heartbeatEveryMs: 6_000, heartbeatTimeoutMs: 20_000 },
    { fromAgeMs: 600_000, heartbeatEveryMs: 30_000, heartbeatTimeoutMs: 40_000 },
  ],
  /**
   * How long a worker may be silent about an activity that takes seconds. Repeating one costs little, even if the worker's machine
   * has only stalled.
   */
  shortHeartbeatTimeoutMs: 5_000,
  /**
   * How long a worker may take for a workflow task of a fleet's run. After this time another worker does the tasks of a
   * dead one; until then their hosts keep their places in the window of the fleet. Temporal's default is 10 s.
   */
  fleetTaskTimeoutMs: 5_000,
  /** How long the server keeps a workflow for the worker that has it in its cache. Replay on another worker takes about 20 ms. */
  stickyTimeoutMs: 3_000,
  /**
   * How often a connection is probed, and how many unanswered probes end it: a black hole is noticed within three probes, before
   * the heartbeat of the worker would time out. Even under load a healthy host answers within one.
   */
  keepaliveEveryMs: 3_000,
  keepaliveCount: 2,
  /**
   * How long the name of a host may take to resolve, and a login after the host has accepted the connection, before that is
   * reported, so that trouble is shown within 10 s. The next login may take longer.
   */
  resolveMs: 7_000,
  loginMs: 7_000,
  /**
   * How long a jump host may take to resolve the name of a host and to connect to it. By itself it waits for two minutes if its
   * packets are dropped.
   */
  forwardMs: 7_000,
  /**
   * How long an address may take to accept a connection. TCP repeats its first packet after 1 s and 3 s. Together with the
   * longest pause between two attempts, a host that is back is noticed within 3 s.
   */
  connectMs: 2_500,
  /** A dial is cheap (about 80 ms), so the first retry comes soon, and no pause grows long. */
  firstRetryMs: 500,
  retryBackoff: 1.5,
  longestRetryMs: 1_200,
  /** How long activities of a stopping worker have to release their connections. Nothing on a host is affected. */
  shutdownGraceMs: 2_000,
  /**
   * How long a stopping worker then waits for the SDK, which itself waits for a response of the server that may not come. After
   * that another worker takes over, as if this one had been killed.
   */
  shutdownPatienceMs: 3_000,
} as const;
