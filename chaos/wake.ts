import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../src/client.ts';

/** How an operator continued a run that hung after Temporal's workflow pause. */
export type Woken = 'signal' | 'reset';

/** The server schedules a task in the same moment as what the task is for. */
const UNSCHEDULED_MS = 3_000;
/** Any signal wakes a run. The run refuses this one, so nothing else changes. */
const NUDGE = ['extendTimeout', { step: 'no-such-step', by: 1 }] as const;

/**
 * Continues a run that hangs for a fault of the server or of the SDK, as an operator would. Two are known, both of a workflow pause,
 * with server 1.32 and SDK 1.24:
 *
 * - A task that waits for a worker when the pause begins is failed before it has started. The SDK cannot read such a history, so
 *   every later task fails. A reset to the last good task helps.
 * - After activities have failed just before the pause, the server schedules no task when it ends. Any signal helps.
 *
 * The report counts both. This can go once campaigns report none; test/integration/controls.test.ts has the first as a test, which
 * then fails.
 */
export async function wakeRun(client: ChandlerClient, run: string): Promise<Woken | undefined> {
  const { temporal } = client;
  const handle = temporal.workflow.getHandle(run);
  const { failedTask } = await client.describe(run);
  const seen = await look(client, run);
  if (seen.status !== 'RUNNING') return undefined;
  // Any other reason may be a fault of the workflow.
  const unreadable = UNREADABLE.exec(failedTask?.reason ?? '')?.[1];
  if (unreadable !== undefined && seen.failedByPause.includes(unreadable) && seen.lastGood !== undefined) {
    await temporal.workflowService.resetWorkflowExecution({
      namespace: temporal.options.namespace,
      workflowExecution: { workflowId: run, runId: seen.runId },
      reason: 'its task fails',
      workflowTaskFinishEventId: seen.lastGood,
      requestId: randomUUID(),
    });
    return 'reset';
  }
  if (!seen.isUnscheduled) return undefined;
  await delay(UNSCHEDULED_MS);
  const again = await look(client, run);
  if (!again.isUnscheduled || again.lastEvent !== seen.lastEvent) return undefined;
  await handle.signal(...NUDGE);
  return 'signal';
}

/** Why the SDK cannot read a task that failed before it started, with the id of that event. */
const UNREADABLE =
  /WorkflowTaskMachine in state Scheduled says the transition is invalid .*event_id: (\d+), event_type: WorkflowTaskFailed /;
/** Events that need a task. */
const NEWS =
  /^(activityTask(Completed|Failed|TimedOut|Canceled)|timerFired|workflowExecution(Signaled|CancelRequested))/;

async function look({ temporal }: ChandlerClient, run: string) {
  const { status, runId, raw } = await temporal.workflow.getHandle(run).describe();
  const { events } = await temporal.workflow.getHandle(run, runId).fetchHistory();
  const kinds = (events ?? []).map((event) =>
    String(Object.keys(event).find((key) => key.endsWith('Attributes') && event[key as keyof typeof event])),
  );
  const lastGood = (events ?? []).findLast((event) => event.workflowTaskCompletedEventAttributes);
  const lastTask = kinds.findLastIndex((kind) => kind.startsWith('workflowTask'));
  const sinceLastTask = kinds.slice(lastTask + 1);
  return {
    status: status.name,
    runId,
    lastGood: lastGood?.eventId,
    lastEvent: String(events?.at(-1)?.eventId),
    failedByPause: (events ?? [])
      .filter(({ workflowTaskFailedEventAttributes: failed }) =>
        JSON.stringify(failed ?? '').includes('PAUSE_REQUESTED_BEFORE_TASK_STARTED'),
      )
      .map(({ eventId }) => String(eventId)),
    isUnscheduled:
      !raw.pendingWorkflowTask &&
      sinceLastTask.some((kind) => kind.startsWith('workflowExecutionUnpaused')) &&
      sinceLastTask.some((kind) => NEWS.test(kind)),
  };
}
