import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind, Strike, Undo } from './fault-kind.ts';

// Temporal's own controls, as an operator may use them at any moment.

const AT_ONCE = [0, 0] as const;
const FOUND_WITHIN_MS = 3000;
/** Longer than a busy server takes: what it does after that is never known. */
const ANSWER_WITHIN_MS = 30_000;
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
        return {
          send: () => service.pauseActivity({ ...about, reason: 'drawn' }),
          undo: untilDone(() => service.unpauseActivity(about)),
        };
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
        const about = { namespace, execution, id: activity, identity };
        return { send: () => service.resetActivity(about), undo: nothing };
      }),
  },
  {
    name: 'workflow paused',
    weight: 3,
    on: 'run',
    lasts: [200, 4000],
    strike: (strike) =>
      control(strike, async ({ execution }) => {
        // After a pause before its first task no worker can read a run (see wake.ts), and no reset helps.
        if ((await doneTasks(strike, execution)).length === 0) return undefined;
        const { service, namespace, identity } = server(strike);
        const { workflowId, runId } = execution;
        const about = { namespace, workflowId, runId, identity, reason: 'drawn' };
        return {
          send: () => service.pauseWorkflowExecution({ ...about, requestId: randomUUID() }),
          undo: untilDone(() => service.unpauseWorkflowExecution({ ...about, requestId: randomUUID() })),
        };
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
        const tasks = await doneTasks(strike, execution);
        const task = tasks[strike.salt % Math.max(1, tasks.length)];
        if (!task) return undefined;
        const about = {
          namespace,
          workflowExecution: execution,
          reason: 'drawn',
          workflowTaskFinishEventId: task.eventId ?? null,
          requestId: randomUUID(),
        };
        return { send: () => service.resetWorkflowExecution(about), undo: nothing };
      }),
  },
];

interface Found {
  readonly execution: { readonly workflowId: string; readonly runId: string };
  /** A running activity, if there is one. */
  readonly activity: string | undefined;
}

/** The events of its completed workflow tasks. */
async function doneTasks({ stage }: Strike, { workflowId, runId }: Found['execution']) {
  const { events } = await stage.client.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
}

interface Control {
  readonly send: () => Promise<unknown>;
  readonly undo: Undo;
}

/** Strikes an open run. A control that the server rejects was no fault; one whose response is lost may have been. */
async function control(
  { stage, run, salt }: Strike,
  choose: (found: Found) => Promise<Control | undefined>,
): Promise<Undo | undefined> {
  const { temporal } = stage.client;
  const find = async () => {
    const { status, runId, raw } = await temporal.workflow.getHandle(run).describe();
    if (status.name !== 'RUNNING') return undefined;
    const activities = raw.pendingActivities ?? [];
    const activity = activities[salt % Math.max(1, activities.length)]?.activityId ?? undefined;
    return choose({ execution: { workflowId: run, runId }, activity });
  };
  // The run or the server may be gone.
  const chosen = await temporal.withDeadline(Date.now() + FOUND_WITHIN_MS, find).catch(() => undefined);
  if (!chosen) return undefined;
  try {
    await temporal.withDeadline(Date.now() + ANSWER_WITHIN_MS, chosen.send);
  } catch (error) {
    if (!mayHaveStruck(error)) return undefined;
  }
  return chosen.undo;
}

function server({ stage }: Strike) {
  const { workflowService: service, options } = stage.client.temporal;
  return { service, namespace: options.namespace, identity: options.identity };
}

/** Ends a pause, also while the server is down. Ignores a pause that is already over. */
export function untilDone(unpause: () => Promise<unknown>): Undo {
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

/** CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, ABORTED, INTERNAL or UNAVAILABLE: the server may have done it, and its response is lost. */
export function mayHaveStruck(error: unknown): boolean {
  return [1, 2, 4, 10, 13, 14].includes((error as { code?: number }).code ?? 0);
}

/** NOT_FOUND, INVALID_ARGUMENT or FAILED_PRECONDITION (https://grpc.io/docs/guides/status-codes/): there is no such pause. */
function isOver(error: unknown): boolean {
  return [3, 5, 9].includes((error as { code?: number }).code ?? 0);
}
