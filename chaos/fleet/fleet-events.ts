import type { RunSurvey } from '../../src/activities/activity-types.ts';
import { fleetActionNames, type FleetActionName } from '../../src/domain/fleet/fleet-actions.ts';
import { HOST_REPORT, type HostReport } from '../../src/domain/fleet/host-report.ts';
import { millisOf, readPayload, type Payloads } from '../evidence.ts';

/** What the history of a fleet has about its hosts, in the order in which its workflow learned or did it. */
export type FleetEvent = { readonly atMs: number } & (
  | { readonly kind: 'task' }
  /** The fleet has asked the server to start the run of a host, with these steps. */
  | {
      readonly kind: 'start';
      readonly workflowId: string;
      readonly steps: readonly string[];
      readonly digest: string;
    }
  | { readonly kind: 'started'; readonly workflowId: string; readonly firstRunId: string }
  /** A run of that id is at work. */
  | { readonly kind: 'refused'; readonly workflowId: string }
  | { readonly kind: 'report'; readonly report: HostReport }
  /** The server reports the end of a run. */
  | {
      readonly kind: 'closed';
      readonly workflowId: string;
      readonly firstRunId: string;
      readonly isDone: boolean;
    }
  | { readonly kind: 'survey'; readonly found: readonly RunSurvey[] }
  /** An action: an update that was accepted, or a signal, which the client sends during a workflow pause and which may be refused. */
  | {
      readonly kind: 'action';
      readonly name: FleetActionName;
      readonly input: Readonly<Record<string, unknown>>;
      readonly isSignal: boolean;
    }
  | { readonly kind: 'cancel' }
  /** A check between two waves has ended. */
  | { readonly kind: 'check'; readonly isWell: boolean }
);

interface Child {
  readonly workflowExecution?: { readonly workflowId?: string | null; readonly runId?: string | null } | null;
  readonly initiatedEventId?: unknown;
}

interface UpdateRequest {
  readonly meta?: { readonly updateId?: string | null } | null;
  readonly input?: { readonly name?: string | null; readonly args?: Payloads | null } | null;
}

/** The events of a history that the judge reads, as Temporal's API has them. */
export interface RawEvent {
  readonly eventId?: unknown;
  readonly eventTime?: Parameters<typeof millisOf>[0];
  readonly workflowTaskStartedEventAttributes?: object | null;
  readonly workflowTaskCompletedEventAttributes?: { readonly startedEventId?: unknown } | null;
  readonly startChildWorkflowExecutionInitiatedEventAttributes?: {
    readonly workflowId?: string | null;
    readonly input?: Payloads | null;
    readonly memo?: {
      readonly fields?: Readonly<Record<string, { readonly data?: Uint8Array | null }>> | null;
    } | null;
  } | null;
  readonly startChildWorkflowExecutionFailedEventAttributes?: { readonly workflowId?: string | null } | null;
  readonly childWorkflowExecutionStartedEventAttributes?: Child | null;
  readonly childWorkflowExecutionCompletedEventAttributes?: Child | null;
  readonly childWorkflowExecutionFailedEventAttributes?: Child | null;
  readonly childWorkflowExecutionCanceledEventAttributes?: Child | null;
  readonly childWorkflowExecutionTerminatedEventAttributes?: Child | null;
  readonly workflowExecutionSignaledEventAttributes?: {
    readonly signalName?: string | null;
    readonly input?: Payloads | null;
  } | null;
  readonly workflowExecutionUpdateAdmittedEventAttributes?: {
    readonly request?: UpdateRequest | null;
  } | null;
  readonly workflowExecutionUpdateAcceptedEventAttributes?: {
    /** The id of the update. */
    readonly protocolInstanceId?: string | null;
    /** Missing for one that the server repeats after a reset: the event that admitted it has the request. */
    readonly acceptedRequest?: UpdateRequest | null;
  } | null;
  readonly workflowExecutionUpdateCompletedEventAttributes?: {
    readonly acceptedEventId?: unknown;
    readonly outcome?: { readonly success?: object | null } | null;
  } | null;
  readonly workflowExecutionCancelRequestedEventAttributes?: object | null;
  readonly activityTaskScheduledEventAttributes?: {
    readonly activityType?: { readonly name?: string | null } | null;
  } | null;
  readonly activityTaskCompletedEventAttributes?: {
    readonly scheduledEventId?: unknown;
    readonly result?: Payloads | null;
  } | null;
}

/** Reads the history of one execution. An update that the fleet refused is none of its actions. */
export function readFleetEvents(history: readonly RawEvent[]): FleetEvent[] {
  const begunMs = new Map<string, number>();
  const started = new Map<string, string>();
  const activities = new Map<string, string>();
  const updates = acceptedUpdates(history);
  return history.flatMap((event): FleetEvent[] => {
    const id = String(event.eventId);
    const atMs = millisOf(event.eventTime);
    const child = event.childWorkflowExecutionStartedEventAttributes;
    if (event.workflowTaskStartedEventAttributes) begunMs.set(id, atMs);
    if (child) started.set(String(child.initiatedEventId), child.workflowExecution?.runId ?? '');
    const type = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (type) activities.set(id, type);
    const task = event.workflowTaskCompletedEventAttributes;
    // The clock of the workflow shows when its task began.
    if (task) return [{ kind: 'task', atMs: begunMs.get(String(task.startedEventId)) ?? atMs }];
    const about = { event, atMs };
    return [
      ...ofChild(about, started),
      ...ofOperator(about, updates.get(id)),
      ...ofActivity(about, activities),
    ];
  });
}

/** The updates that the workflow did not refuse, by the id of the event that accepted each. */
function acceptedUpdates(history: readonly RawEvent[]): Map<string, UpdateRequest['input']> {
  const done = new Set<string>();
  const admitted = new Map<string, UpdateRequest>();
  for (const event of history) {
    const end = event.workflowExecutionUpdateCompletedEventAttributes;
    if (end?.outcome?.success) done.add(String(end.acceptedEventId));
    const request = event.workflowExecutionUpdateAdmittedEventAttributes?.request;
    if (request) admitted.set(request.meta?.updateId ?? '', request);
  }
  const updates = new Map<string, UpdateRequest['input']>();
  for (const { eventId, workflowExecutionUpdateAcceptedEventAttributes: accepted } of history) {
    if (!accepted || !done.has(String(eventId))) continue;
    const { input } = accepted.acceptedRequest ?? admitted.get(accepted.protocolInstanceId ?? '') ?? {};
    updates.set(String(eventId), input);
  }
  return updates;
}

interface About {
  readonly event: RawEvent;
  readonly atMs: number;
}

function ofChild({ event, atMs }: About, started: ReadonlyMap<string, string>): FleetEvent[] {
  const start = event.startChildWorkflowExecutionInitiatedEventAttributes;
  if (start) {
    const plan = readPayload(start.input) as
      | { readonly steps: readonly { readonly name: string }[] }
      | undefined;
    const steps = plan?.steps.map(({ name }) => name) ?? [];
    const digest = (readPayload({ payloads: [start.memo?.fields?.['digest'] ?? {}] }) ?? '') as string;
    return [{ kind: 'start', atMs, workflowId: start.workflowId ?? '', steps, digest }];
  }
  const begun = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
  if (begun)
    return [{ kind: 'started', atMs, workflowId: begun.workflowId ?? '', firstRunId: begun.runId ?? '' }];
  const refused = event.startChildWorkflowExecutionFailedEventAttributes;
  if (refused) return [{ kind: 'refused', atMs, workflowId: refused.workflowId ?? '' }];
  const done = event.childWorkflowExecutionCompletedEventAttributes;
  const closed =
    done ??
    event.childWorkflowExecutionFailedEventAttributes ??
    event.childWorkflowExecutionCanceledEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes;
  if (!closed) return [];
  const firstRunId = started.get(String(closed.initiatedEventId)) ?? '';
  const workflowId = closed.workflowExecution?.workflowId ?? '';
  return [{ kind: 'closed', atMs, workflowId, firstRunId, isDone: closed === done }];
}

function ofOperator({ event, atMs }: About, update: UpdateRequest['input']): FleetEvent[] {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal?.signalName === HOST_REPORT) {
    const report = readPayload(signal.input) as HostReport | undefined;
    return report ? [{ kind: 'report', atMs, report }] : [];
  }
  if (signal && isFleetAction(signal.signalName)) {
    const input = (readPayload(signal.input) ?? {}) as Record<string, unknown>;
    return [{ kind: 'action', atMs, name: signal.signalName, input, isSignal: true }];
  }
  if (update)
    return [
      {
        kind: 'action',
        atMs,
        name: update.name as FleetActionName,
        input: (readPayload(update.args) ?? {}) as Record<string, unknown>,
        isSignal: false,
      },
    ];
  return event.workflowExecutionCancelRequestedEventAttributes ? [{ kind: 'cancel', atMs }] : [];
}

function isFleetAction(name: string | null | undefined): name is FleetActionName {
  return fleetActionNames.some((each) => each === name);
}

function ofActivity({ event, atMs }: About, activities: ReadonlyMap<string, string>): FleetEvent[] {
  const end = event.activityTaskCompletedEventAttributes;
  if (!end) return [];
  const type = activities.get(String(end.scheduledEventId));
  if (type === 'surveyRuns')
    return [{ kind: 'survey', atMs, found: (readPayload(end.result) ?? []) as RunSurvey[] }];
  if (type === 'checkStep')
    return [
      { kind: 'check', atMs, isWell: (readPayload(end.result) as { code?: number } | undefined)?.code === 0 },
    ];
  return [];
}
