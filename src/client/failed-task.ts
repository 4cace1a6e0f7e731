import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { boundedText } from '../domain/text/bounded-text.ts';
import { oneLine, plainText } from '../domain/text/plain-text.ts';
import { temporalCommand } from './temporal-command.ts';
import type { FailedTask } from './types.ts';

/** In events, the latest first. */
const PAGE = 1000;
const MAX_REASON_LENGTH = 300;

/** Reads why the workflow task of a run fails. Undefined if it does not. */
export async function findFailedTask(
  temporal: Client,
  { workflowId, runId, raw }: WorkflowExecutionDescription,
): Promise<FailedTask | undefined> {
  if ((raw.pendingWorkflowTask?.attempt ?? 0) < 2) return undefined;
  const { history } = await temporal.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: temporal.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: PAGE,
  });
  const events = history?.events ?? [];
  const good = events.find(({ workflowTaskCompletedEventAttributes: completed }) => completed);
  const reason = events
    .slice(0, good && events.indexOf(good))
    .map(({ workflowTaskFailedEventAttributes: failed }) => failed?.failure?.message ?? '')
    .find((message) => message !== '');
  // Its worker has died, for instance.
  if (reason === undefined) return undefined;
  const point = ['--workflow-id', plainText(workflowId), '--event-id', String(good?.eventId)];
  return {
    reason: boundedText(oneLine(reason), MAX_REASON_LENGTH),
    ...(good && {
      reset: temporalCommand(temporal, 'workflow', 'reset', ...point, '--reason', 'its task fails'),
    }),
  };
}
