import { Context } from '@temporalio/activity';
import { timing } from '../domain/run/timing.ts';

/**
 * Runs a long wait and sends its latest details at a steady pace, whether or not the host prints anything: `about`, the seconds
 * since the wait was scheduled (also on another worker), and what was reported last. A worker that stops aborts the wait (the
 * step runs on, another worker waits again), and so does a cancellation.
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
