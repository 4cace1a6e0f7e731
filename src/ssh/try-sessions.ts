import { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { sh } from '../shell/index.ts';
import { createSshPool } from './pool.ts';
import type { ResolvedTarget } from './target.ts';

/** Long enough for all of them to be open at once. Seconds. */
const HOLD_S = 1;
const TIMEOUT_MS = 15_000;

/**
 * How many of `count` sessions a host opens at once over one connection (sshd: MaxSessions).
 *
 * @throws ChandlerError as {@link Executor.exec}, but not `channel-refused`: that is none
 */
export async function trySessions(target: ResolvedTarget, count: number): Promise<number> {
  const label = addressOf(target);
  let refused = 0;
  const pool = createSshPool({
    sessionsPerConnection: count,
    connectionsPerHost: 1,
    onEvent: (event) => {
      if (event.kind === 'session-refused' && event.host === label) refused += 1;
    },
  });
  const executor = pool.executor(target);
  const over = new AbortController();
  const options = { timeoutMs: TIMEOUT_MS, signal: over.signal };
  const hold = () => executor.exec(sh('sleep', String(HOLD_S)), options);
  const held = Array.from({ length: count }, hold);
  try {
    // What is refused waits for a place, and may be refused again: only until the first place is free does it count.
    await Promise.race(held);
    return count - refused;
  } catch (error) {
    if (error instanceof ChandlerError && error.code === 'channel-refused') return 0;
    throw error;
  } finally {
    over.abort();
    await Promise.allSettled(held);
    await pool.close();
  }
}
