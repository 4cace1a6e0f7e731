import {
  CancellationScope,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  log,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { boundedText } from '../../domain/text/bounded-text.ts';
import {
  describeEvent,
  eventKey,
  type NotificationChannel,
  type Notification,
  type NotifySettings,
  type RunAddress,
  type RunEvent,
} from '../../domain/run/notification.ts';
import { listParts, needsAttention, type PlacedPart, type Trouble } from '../../domain/run/status.ts';
import { activity, MAX_SUMMARY_LENGTH } from '../../workflows/proxies.ts';
import { refuseInput } from '../../workflows/read-input.ts';
import type { Run } from '../../workflows/run.ts';

interface NotificationInput {
  readonly notification: Notification;
  readonly channels: readonly NotificationChannel[];
}

/**
 * Retries the delivery of a notification for a day. A separate workflow, so that a webhook that is down does not delay the run,
 * and the end of the run does not stop the delivery.
 *
 * The text reaches people in the operator's name, so only the run that it is about may send it. A client cannot start a workflow
 * as a child of another one; only a worker can.
 */
export async function sendNotification(input: NotificationInput): Promise<void> {
  if (!isFromParent(input))
    throw refuseInput('a notification is sent only by the run that it is about, as its child');
  const { notification, channels } = input;
  const sent = channels.map((channel) =>
    activity.sendNotification(`notify ${notification.event} by ${channel}`, { notification, channel }),
  );
  // A channel that fails must not stop the other one.
  await Promise.allSettled(sent);
  await Promise.all(sent);
}

function isFromParent(input: Partial<NotificationInput> | undefined): boolean {
  const { parent } = workflowInfo();
  const about: Partial<Notification> | undefined = input?.notification;
  const keys = ['namespace', 'workflowId', 'runId'] as const;
  return parent !== undefined && keys.every((key) => parent[key] === about?.[key]);
}

/**
 * Returns functions for the run to call after every change, and before it ends; the latter waits until the server has accepted
 * the notifications.
 */
export function createNotifier(run: Run) {
  const { notify } = run;
  if (!notify) return { notify() {}, handedOver: async () => undefined };
  const handing: Promise<void>[] = [];
  const start = (event: RunEvent, waiting?: PlacedPart, trouble?: Trouble) => {
    const key = eventKey(event, waiting, trouble);
    if (run.notified.has(key) || !notify.events.includes(event)) return;
    run.notified.add(key);
    handing.push(handOver(describeEvent(event, run.status, addressOfRun(), waiting, trouble), notify));
  };
  return {
    notify() {
      const isUrgent = (trouble: Trouble | undefined) =>
        trouble !== undefined && !run.isEnding && needsAttention(trouble, Date.now());
      if (isUrgent(run.status.trouble)) start('parked', undefined, run.status.trouble);
      for (const placed of listParts(run.status)) {
        const { state, trouble, input } = placed.part;
        if (isUrgent(trouble)) start('parked', placed, trouble);
        else if (state === 'parked') start('parked', placed);
        if (input) start('waiting', placed);
      }
      const { phase } = run.status;
      if (phase === 'failed' || phase === 'provisioned' || phase === 'incomplete') start(phase);
    },
    async handedOver() {
      await Promise.all(handing.splice(0));
    },
  };
}

export function addressOfRun(): RunAddress {
  const { namespace, workflowId, runId, originalExecutionRunId: originalRunId } = workflowInfo();
  return { namespace, workflowId, runId, originalRunId };
}

/** Starts the workflow that delivers a notification. If that fails, the run continues. */
export async function handOver(notification: Notification, { channels }: NotifySettings): Promise<void> {
  const { id, event, host } = notification;
  try {
    await CancellationScope.nonCancellable(() =>
      startChild(sendNotification, {
        workflowId: `notify:${id}`,
        args: [{ notification, channels }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        // A run that was reset repeats events that were notified before.
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        staticSummary: boundedText(`${event}: ${host}`, MAX_SUMMARY_LENGTH),
      }),
    );
  } catch (error) {
    log.warn(`cannot notify ${event}: ${String(error)}`);
  }
}
