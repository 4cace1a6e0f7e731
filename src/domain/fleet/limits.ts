/** Bounds of a fleet. */
export const fleetLimits = {
  hosts: 20_000,
  /** The server accepts 2 MB of arguments; the rest is for the state of a fleet that continues as new. */
  inputBytes: 1_200_000,
  /** The server allows 2,000 open children. */
  concurrency: 1_000,
} as const;
