import { log } from '@temporalio/workflow';
import { messageOf } from '../../domain/run/failure.ts';
import { activity } from '../proxies.ts';
import type { Fleet } from './fleet.ts';

/** How many runs get a signal from one activity. */
const AT_ONCE = 50;

/** Sends a signal to the runs of hosts. A failure is only logged. */
export async function signalHosts(
  { runs, workflowIds }: Fleet,
  hosts: readonly number[],
  signal: string,
  input: object,
): Promise<void> {
  for (let start = 0; start < hosts.length; start += AT_ONCE) {
    const batch = hosts.slice(start, start + AT_ONCE).flatMap((host) => {
      const firstRunId = runs.get(host)?.firstRunId;
      return firstRunId === undefined ? [] : [{ workflowId: workflowIds[host] ?? '', firstRunId }];
    });
    try {
      await activity.signalRuns(`${signal} for ${batch.length} runs`, { runs: batch, signal, input });
    } catch (error) {
      log.warn(`cannot send ${signal}: ${messageOf(error)}`);
    }
  }
}
