import type { Activities, LogPage } from '../activities/types.ts';
import { activity } from './proxies.ts';

/** Reads a piece of a step's log, for clients that reach the engine but not the host. */
export async function readStepLog(input: Parameters<Activities['readLog']>[0]): Promise<LogPage> {
  return activity.readLog(`${input.launch.step} · log`, input);
}
