import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind, Strike, Undo } from './fault-kind.ts';

// Temporal's own controls, as an operator may use them at any moment.

const AT_ONCE = [0, 0] as const;
const ANSWER_WITHIN_MS = 3000;
/** Attempts to end a pause while the server does not respond. */
const UNDO_EVERY_MS = 300;
const nothing: Undo = async () => undefined;

export const WORKFLOW_RESET = 'workflow reset';

export const controls: readonly FaultKind[] = [
  {
    name: 'activity paused',
    weight: 4,
    on: 'run',
    lasts: [200, 4000],
    strike: (strike) =>
      control(strike, async ({ execution, activity }) => {
        if (activity === undefined) return undefined;
        const { service, namespace, identity } = server(strike);
        const about = { namespace, execution, id: activity, identity };
        await service.pauseActivity({ ...about, reason: 'drawn' });
        return untilDone(() => service.unpauseActivity(about));
      }),
  },
  {
    name: 'activity reset',
    weight: 3,
    on: 'run',
    lasts: AT_ONCE,
    strike: (strike) =>
      control(strike, async ({ execution, activity }) => {
        if (activity === undefined) return undefined;
        const { service, namespace, identity } = server(strike);
        await service.resetActivity({ namespace, execution, id: activity, identity });
        return nothing;
      }),
  },
  {
    name: 'workflow paused',
    weight: 3,
    on: 'run',
    lasts: [200, 4000],
    strike: (strike) =>
      control(strike, async ({ execution }) => {
        const { service, namespace, identity } = server(strike);
        const { workflowId, runId } = execution;
        const about = { namespace, workflowId, runId, identity, reason: 'drawn' };
        await service.pauseWorkflowExecution({ ...about, requestId: randomUUID() });
        return untilDone(() => service.unpauseWorkflowExecution({ ...about, requestId: randomUUID() }));
      }),
  },
  {
    name: WORKFLOW_RESET,
    weight: 3,
    on: 'run',
    lasts: AT_ONCE,
    strike: (strike) =>
      control(strike, async ({ execution }) => {
        const { service, namespace } = server(strike);
        const { workflowId, runId } = execution;
        const handle = strike.stage.client.temporal.workflow.getHandle(workflowId, runId);
        const { events } = await handle.fetchHistory();
        const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
        const task = tasks[strike.salt % Math.max(1, tasks.length)];
        if (!task) return undefined;
        await service.resetWorkflowExecution({
          namespace,
          workflowExecution: execution,
          reason: 'drawn',
          workflowTaskFinishEventId: task.eventId ?? null,
          requestId: randomUUID(),
        });
        return nothing;
      }),
  },
];

interface Found {
  readonly execution: { readonly workflowId: string; readonly runId: string };
  /** One that is at work, if any is. */
  readonly activity: string | undefined;
}

/** Strikes a running run. A control that the server rejects, because the run or the server is gone, was no fault. */
async function control(
  { stage, run, salt }: Strike,
  strike: (found: Found) => Promise<Undo | undefined>,
): Promise<Undo | undefined> {
  const { temporal } = stage.client;
  try {
    return await temporal.withDeadline(Date.now() + ANSWER_WITHIN_MS, async () => {
      const { status, runId, raw } = await temporal.workflow.getHandle(run).describe();
      if (status.name !== 'RUNNING') return undefined;
      const activities = raw.pendingActivities ?? [];
      const activity = activities[salt % Math.max(1, activities.length)]?.activityId ?? undefined;
      return strike({ execution: { workflowId: run, runId }, activity });
    });
  } catch {
    return undefined;
  }
}

function server({ stage }: Strike) {
  const { workflowService: service, options } = stage.client.temporal;
  return { service, namespace: options.namespace, identity: options.identity };
}

/** Ends a pause, also while the server is down. Ignores a pause that is already over. */
function untilDone(unpause: () => Promise<unknown>): Undo {
  return async () => {
    for (;;) {
      try {
        await unpause();
        return;
      } catch (error) {
        if (isOver(error)) return;
        await delay(UNDO_EVERY_MS);
      }
    }
  };
}

/** NOT_FOUND, INVALID_ARGUMENT or FAILED_PRECONDITION (https://grpc.io/docs/guides/status-codes/): there is no such pause. */
function isOver(error: unknown): boolean {
  return [3, 5, 9].includes((error as { code?: number }).code ?? 0);
}
