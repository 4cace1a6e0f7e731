import { Context } from '@temporalio/activity';
import { timing } from '../domain/timing.ts';

/**
 * Runs a long wait that reports its latest details at a steady pace, whether or not the host says anything: `about`, the
 * seconds since the wait was ordered (also when another worker has taken it over), and what was reported. A worker
 * that stops aborts the wait (the step runs on, another worker waits again), and so does a cancellation.
 */
export async function withHeartbeats<T>(
  about: object,
  wait: (context: { signal: AbortSignal; report: (details: object) => void }) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const { scheduledTimestampMs } = context.info;
  let latest: object = {};
  const beat = () => {
    // The clock of the engine may be ahead of ours.
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
