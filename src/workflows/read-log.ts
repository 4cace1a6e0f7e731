import type { Activities, LogPage } from '../activities/activity-types.ts';
import { refuseLogRequest } from '../domain/run/log-request.ts';
import { formatProblems } from '../domain/plan/problems.ts';
import { activity, admitWatch } from './proxies.ts';
import { readInput, refuseInput } from './read-input.ts';

/** A person waits for the log, so a silent host must be reported soon. */
const ATTEMPTS = 2;

type LogRequest = Parameters<Activities['readLog']>[0];

/** Reads a piece of a step's log, for clients that reach the server but not the host. */
export async function readStepLog(input: LogRequest): Promise<LogPage> {
  const reason = refuseLogRequest(readInput(input));
  if (reason !== undefined) throw refuseInput(reason);
  const { problems } = await admitWatch({ target: input.host.target });
  if (problems.length > 0) throw refuseInput(formatProblems(problems), { problems });
  return activity.readLog(`${input.launch.step} · log`, input, {
    retry: { maximumAttempts: ATTEMPTS },
  });
}
