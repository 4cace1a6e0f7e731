import type { PartFailure, PlacedPart, RunStatus } from './status.ts';
import { oneLine } from './terminal.ts';

/** What people can be told of. `parked`: a step, or its finalizer, waits for a person. */
export const notifiedEvents = ['parked', 'failed', 'provisioned'] as const;
export type NotifiedEvent = (typeof notifiedEvents)[number];

/** The ways to tell them: a command of the worker's, a webhook. */
export const notificationChannels = ['command', 'url'] as const;
export type NotificationChannel = (typeof notificationChannels)[number];

/** What a worker is set up to tell, and how. */
export interface NotifyWish {
  readonly events: readonly NotifiedEvent[];
  readonly channels: readonly NotificationChannel[];
}

/** What is told, as JSON: the body of a webhook, the standard input of a command. Texts of hosts have no secrets in them. */
export interface Notification {
  /** The same for each try to deliver it. */
  readonly id: string;
  readonly event: NotifiedEvent;
  /** All of it in a line or two; many chat programs show a webhook's `text` as it is. */
  readonly text: string;
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  /** `user@host:port` */
  readonly host: string;
  readonly plan: string;
  readonly fleet?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of `parked`. */
  readonly step?: string;
  /** Of `parked`: it is the step's finalizer that waits. */
  readonly finalizer?: true;
  /** Of `parked` and `failed`. */
  readonly failure?: PartFailure;
  /** When it happened: ISO 8601. */
  readonly at: string;
  /** The run's page in the UI, if the worker knows the UI's address. */
  readonly url?: string;
}

/** Where a run is in the engine. */
export interface RunAddress extends Pick<Notification, 'namespace' | 'workflowId' | 'runId'> {
  /** Of a run that was reset: that of the run whose history it goes on from. */
  readonly originalRunId: string;
}

/** What to tell of a run as it is now; `waiting` is what waits for a person, when that is what is told. */
export function describeEvent(
  event: NotifiedEvent,
  status: RunStatus,
  run: RunAddress,
  waiting?: PlacedPart,
): Notification {
  const { host, plan, fleet, labels, endedAtMs, startedAtMs } = status;
  const { originalRunId, ...address } = run;
  const failure = waiting ? waiting.part.failure : status.failure;
  return {
    id: `${originalRunId}:${eventKey(event, waiting)}`,
    event,
    text: textOf(event, status, run, waiting),
    ...address,
    host,
    plan,
    ...(fleet !== undefined && { fleet }),
    ...(labels && { labels }),
    ...(waiting && { step: waiting.step.name }),
    ...(waiting?.kind === 'finalizer' && { finalizer: true }),
    ...(failure && { failure }),
    at: new Date(waiting?.part.endedAtMs ?? endedAtMs ?? startedAtMs).toISOString(),
  };
}

/** Names an event within its run: each launch can come to wait for a person. */
export function eventKey(event: NotifiedEvent, waiting: PlacedPart | undefined): string {
  if (!waiting) return event;
  return `${event}:${waiting.kind}:${waiting.step.name}:${waiting.part.generation}`;
}

function because(failure: PartFailure | undefined): string {
  return failure ? `: ${oneLine(failure.message)} (${failure.code})` : '';
}

function textOf(
  event: NotifiedEvent,
  { host, plan, failure }: RunStatus,
  { workflowId }: RunAddress,
  waiting: PlacedPart | undefined,
): string {
  switch (event) {
    case 'parked': {
      const what = `${waiting?.step.name}${waiting?.kind === 'finalizer' ? ' (finalizer)' : ''}`;
      return `${host} needs a person: ${what} is parked${because(waiting?.part.failure)}\nLook and act: ${whereToAct(workflowId)}`;
    }
    case 'failed':
      return `${host} was not provisioned (${oneLine(plan)})${because(failure)}`;
    case 'provisioned':
      return `${host} is provisioned (${oneLine(plan)})`;
  }
}

/** The command to copy, unless a shell or chandler itself could read the id as something else. */
function whereToAct(workflowId: string): string {
  const isPlain = /^[\w.:@%+/][\w.:@%+/=,-]*$/.test(workflowId);
  return isPlain ? `chandler watch ${workflowId}` : `run ${oneLine(workflowId)}`;
}
