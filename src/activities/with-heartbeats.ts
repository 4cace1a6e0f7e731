import { Context } from '@temporalio/activity';
import { timing } from '../domain/run/timing.ts';

/**
 * Runs a long wait and sends a heartbeat at fixed intervals, whether or not the host prints anything. It contains `about`, the
 * seconds since the wait was scheduled (also on another worker), and the latest report. The wait ends on a cancellation and when
 * the worker stops; then the step runs on, and another worker waits for it.
 */
export async function withHeartbeats<T>(
  about: object,
  wait: (context: { signal: AbortSignal; report: (details: object) => void }) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const { scheduledTimestampMs } = context.info;
  let latest: object = {};
  const beat = () => {
    // The server's clock may be ahead of the worker's.
    const elapsedS = Math.max(0, Math.round((Date.now() - scheduledTimestampMs) / 1000));
    context.heartbeat({ ...about, elapsedS, ...latest });
  };
  const timer = setInterval(beat, timing.heartbeatEveryMs);
  beat();
  try {
    return await wait({
      signal: context.cancellationSignal,
      report: (details) => {
        latest = details;
        beat();
      },
    });
  } finally {
    clearInterval(timer);
  }
}
