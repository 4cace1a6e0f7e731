import { timing } from './timing.ts';

/** How one activity waits for a step. It ends when the next one, for an older step, sends fewer heartbeats. */
export interface WaitPace {
  /** The age of the step when the activity is scheduled. */
  readonly ageMs: number;
  readonly heartbeatEveryMs: number;
  /** When to end although the step runs on; missing: never. */
  readonly lastsMs?: number;
}

/** A wait that would end sooner than this already has the pace of an older step. */
const SHORTEST_MS = 5_000;

/** The pace of a wait for a step of this age, and the heartbeat timeout of its activity. */
export function waitPace(ageMs: number): { readonly pace: WaitPace; readonly heartbeatTimeoutMs: number } {
  const { olderWaits } = timing;
  const next = olderWaits.findIndex(({ fromAgeMs }) => fromAgeMs >= ageMs + SHORTEST_MS);
  const { heartbeatEveryMs, heartbeatTimeoutMs } =
    (next < 0 ? olderWaits.at(-1) : olderWaits[next - 1]) ?? timing;
  const until = olderWaits[next];
  const lastsMs = until && until.fromAgeMs - ageMs;
  return {
    pace: { ageMs, heartbeatEveryMs, ...(lastsMs !== undefined && { lastsMs }) },
    heartbeatTimeoutMs,
  };
}
