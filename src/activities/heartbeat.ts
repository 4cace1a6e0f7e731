import { Context } from '@temporalio/activity';
import { timing } from '../domain/timing.ts';

/**
 * Runs a long wait that reports its latest details at a steady pace, whether or not the host says anything. A worker
 * that stops aborts the wait (the step runs on, another worker waits again), and so does a cancellation.
 */
export async function withHeartbeats<T>(
  about: object,
  wait: (context: { signal: AbortSignal; report: (details: object) => void }) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const begin = Date.now();
  let latest: object = {};
  const beat = () =>
    context.heartbeat({ ...about, ...latest, elapsedS: Math.round((Date.now() - begin) / 1000) });
  const timer = setInterval(beat, timing.heartbeatEvery);
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
