import type { Client } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker, type ReplayHistoriesIterable } from '@temporalio/worker';
import type { Stage } from './stage.ts';

/** Replays every run and every fleet, as a new worker would, and returns those that fail. */
export async function findUnreplayable({
  client,
  workflowBundle,
}: Stage): Promise<{ run: string; why: string }[]> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const histories = listHistories(client.temporal);
  const found: { run: string; why: string }[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories))
    if (error) found.push({ run: workflowId, why: error.message });
  return found;
}

const PLAYED = 'WorkflowType IN ("provision", "provisionFleet")';

/** The history of each execution. A replay takes the run id from the first event, where a reset leaves that of the execution before. */
async function* listHistories({ workflow }: Client): ReplayHistoriesIterable {
  for await (const { workflowId, runId } of workflow.list({ query: PLAYED })) {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    if (started) started.originalExecutionRunId = runId;
    yield { workflowId, history };
  }
}
