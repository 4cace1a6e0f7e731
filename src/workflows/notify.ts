import {
  CancellationScope,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  log,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import {
  describeEvent,
  eventKey,
  type NotificationChannel,
  type Notification,
  type NotifiedEvent,
  type NotifyWish,
  type RunAddress,
} from '../domain/notification.ts';
import { listParts, type PlacedPart } from '../domain/status.ts';
import { activity } from './proxies.ts';
import type { Run } from './run.ts';

/**
 * Tells people of something that has happened to a run, until it is delivered or a day has passed. A workflow of its own:
 * the run neither waits for a webhook that is down, nor does its end end this.
 */
export async function sendNotification(
  notification: Notification,
  channels: readonly NotificationChannel[],
): Promise<void> {
  const sent = channels.map((channel) =>
    activity.sendNotification(`tell of ${notification.event} by ${channel}`, { notification, channel }),
  );
  // One way that is out of order must not cut the other short.
  await Promise.allSettled(sent);
  await Promise.all(sent);
}

/** Sees to it that people are told of a run. */
export interface Notifier {
  /** To be called whenever the run has changed. */
  look(): void;
  /** Once the engine has taken what is to be told; then the run may end. */
  handedOver(): Promise<void>;
}

export function createNotifier(run: Run): Notifier {
  const { notify } = run;
  if (!notify) return { look() {}, handedOver: async () => undefined };
  const handing: Promise<void>[] = [];
  const tell = (event: NotifiedEvent, waiting?: PlacedPart) => {
    const key = eventKey(event, waiting);
    if (run.notified.has(key) || !notify.events.includes(event)) return;
    run.notified.add(key);
    handing.push(handOver(describeEvent(event, run.status, addressOfRun(), waiting), notify));
  };
  return {
    look() {
      for (const placed of listParts(run.status)) if (placed.part.state === 'parked') tell('parked', placed);
      const { phase } = run.status;
      if (phase === 'failed' || phase === 'provisioned') tell(phase);
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

/** Starts the workflow that tells people. That it can't be started must not disturb the run. */
export async function handOver(notification: Notification, { channels }: NotifyWish): Promise<void> {
  const { id, event, host } = notification;
  try {
    await CancellationScope.nonCancellable(() =>
      startChild(sendNotification, {
        workflowId: `notify:${id}`,
        args: [notification, channels],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        // A run that was reset comes to the same event again, and people know of it.
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        staticSummary: `${event}: ${host}`.slice(0, 200),
      }),
    );
  } catch (error) {
    log.warn(`nobody is told that ${event}: ${String(error)}`);
  }
}
