import { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { sh } from '../shell/index.ts';
import { createSshPool, type ResolvedTarget } from '../ssh/index.ts';

const TIMEOUT_MS = 15_000;

/** Counts how many of `count` execs a host allows at once over one connection (sshd: MaxSessions). */
export async function countExecs(target: ResolvedTarget, count: number): Promise<number> {
  let refused = 0;
  const pool = createSshPool({
    execsPerConnection: count,
    connectionsPerHost: 1,
    onEvent: (event) => {
      if (event.kind === 'exec-refused' && event.host === addressOf(target)) refused += 1;
    },
  });
  const executor = pool.executor(target);
  const over = new AbortController();
  const options = { timeoutMs: TIMEOUT_MS, signal: over.signal };
  const held = Array.from({ length: count }, () => executor.exec(sh('sleep', '1'), options));
  try {
    // A refused exec waits and may be refused again, so refusals count only until the first exec ends.
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
