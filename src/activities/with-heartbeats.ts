import { Context } from '@temporalio/activity';
import { timing } from '../domain/run/timing.ts';
import type { WaitPace } from '../domain/run/wait-pace.ts';

/** What a wait gets: the signal that ends it, and how to report progress. */
export interface WaitContext {
  readonly signal: AbortSignal;
  readonly report: (details: object) => void;
}

/** How often to send heartbeats, and how old what is waited for was when the activity was scheduled. */
type Pace = Pick<WaitPace, 'ageMs' | 'heartbeatEveryMs'>;

/**
 * Runs a long wait and sends a heartbeat at fixed intervals, whether or not the host prints anything. It contains `about`, the
 * age of what is waited for in seconds (also on another worker), and the latest report. The wait ends on a cancellation and when
 * the worker stops; then the step runs on, and another worker waits for it.
 */
export async function withHeartbeats<T>(
  about: object,
  wait: (context: WaitContext) => Promise<T>,
  { ageMs, heartbeatEveryMs }: Pace = { ageMs: 0, heartbeatEveryMs: timing.heartbeatEveryMs },
): Promise<T> {
  const context = Context.current();
  const { scheduledTimestampMs, scheduleToCloseTimeoutMs } = context.info;
  let latest: object | undefined;
  const beat = () => {
    // The server's clock may be ahead of the worker's.
    const elapsedS = Math.round((ageMs + Math.max(0, Date.now() - scheduledTimestampMs)) / 1000);
    context.heartbeat({ ...about, elapsedS, ...latest });
  };
  const timer = setInterval(beat, heartbeatEveryMs);
  // Each heartbeat costs the server about 2 ms of CPU, and most activities end before the first. But the workflow takes one that
  // runs out of time without a heartbeat for one that no worker has begun.
  const leftMs = scheduledTimestampMs + scheduleToCloseTimeoutMs - Date.now();
  if (scheduleToCloseTimeoutMs > 0 && leftMs < 2 * heartbeatEveryMs) beat();
  try {
    return await wait({
      signal: context.cancellationSignal,
      report: (details) => {
        const isFirst = latest === undefined;
        latest = details;
        // Later ones go with the next heartbeat, because the server pays for each.
        if (isFirst) beat();
      },
    });
  } finally {
    clearInterval(timer);
  }
}
