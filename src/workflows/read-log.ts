import type { Activities, LogPage } from '../activities/activity-types.ts';
import { refuseLogRequest } from '../domain/run/log-request.ts';
import { activity, URGENT } from './proxies.ts';
import { readInput, refuseInput, requireValid } from './read-input.ts';

/** A person waits for the log, so a silent host must be reported soon. */
const ATTEMPTS = 2;

type LogRequest = Parameters<Activities['readLog']>[0];

/** Reads a piece of a step's log, for clients that reach the server but not the host. */
export async function readStepLog(input: LogRequest): Promise<LogPage> {
  const reason = refuseLogRequest(readInput(input));
  if (reason !== undefined) throw refuseInput(reason);
  await requireValid({ target: input.host.target });
  return activity.readLog(`${input.launch.step} · log`, input, {
    ...URGENT,
    retry: { maximumAttempts: ATTEMPTS },
  });
}
