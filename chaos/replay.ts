import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Stage } from './stage.ts';

const codePath = fileURLToPath(new URL('../dist/workflow-bundle.js', import.meta.url));

/** Replays every run, as a new worker would, and returns those that fail. */
export async function findUnreplayable({ client }: Stage): Promise<{ run: string; why: string }[]> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const histories = client.temporal.workflow.list({ query: 'WorkflowType = "provision"' }).intoHistories();
  const found: { run: string; why: string }[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: { codePath } },
    histories,
  ))
    if (error) found.push({ run: workflowId, why: error.message });
  return found;
}
