import type { Activities, LogPage } from '../activities/types.ts';
import { activity, RECONNECT } from './proxies.ts';

/** A person waits for it: a host that is gone is told after some seconds, not tried for minutes. */
const TRIES = 6;

/** Reads a piece of a step's log, for clients that reach the engine but not the host. */
export async function readStepLog(input: Parameters<Activities['readLog']>[0]): Promise<LogPage> {
  return activity.readLog(`${input.launch.step} · log`, input, {
    retry: { ...RECONNECT, maximumAttempts: TRIES },
  });
}
