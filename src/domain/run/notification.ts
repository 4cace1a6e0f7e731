import { definedOnly } from '../defined-only.ts';
import type { StepDrift } from './drift.ts';
import { withCode } from './failure.ts';
import {
  describeInput,
  listUndone,
  partName,
  skippedText,
  type InputWait,
  type PartFailure,
  type PlacedPart,
  type RunStatus,
  type Trouble,
} from './status.ts';
import { oneLine } from '../text/plain-text.ts';

/**
 * Events that people can be notified of. `parked`: a step or finalizer needs attention, or the host cannot be reached. `waiting`: a
 * step waits for keyboard input. `incomplete`: a run that was limited to some steps has done them, and others are not done.
 * `drifted`: a host differs from a plan. `unchecked`: it is unknown whether it does.
 * `fleet-attention`: a fleet needs an operator. `fleet-over`: a fleet has ended. A fleet notifies of nothing else: its runs do not.
 */
export const notifiedEvents = [
  'parked',
  'waiting',
  'failed',
  'provisioned',
  'incomplete',
  'drifted',
  'unchecked',
  'fleet-attention',
  'fleet-over',
] as const;
export type NotifiedEvent = (typeof notifiedEvents)[number];
/** The events of a run; the others are of a check for drift, and of a fleet. */
export type RunEvent = Exclude<NotifiedEvent, 'drifted' | 'unchecked' | 'fleet-attention' | 'fleet-over'>;

/** How to notify: with a command on the worker, or a webhook. */
export const notificationChannels = ['command', 'url'] as const;
export type NotificationChannel = (typeof notificationChannels)[number];

/** Which events a worker notifies, and how. */
export interface NotifySettings {
  readonly events: readonly NotifiedEvent[];
  readonly channels: readonly NotificationChannel[];
}

/** A notification as JSON: the body of a webhook, the standard input of a command. Texts from hosts are masked. */
export interface Notification {
  /** The same in each attempt to deliver it. */
  readonly id: string;
  readonly event: NotifiedEvent;
  /** The whole message in a line or two; many chat programs show a webhook's `text` as it is. */
  readonly text: string;
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  /** `user@host:port`, or `fleet NAME`. */
  readonly host: string;
  readonly plan: string;
  readonly fleet?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Set for `waiting`, and for `parked` unless it concerns the whole run. */
  readonly step?: string;
  /** Set for `parked` if the step's finalizer is parked. */
  readonly finalizer?: true;
  /** Set for `drifted`: the steps that drifted. */
  readonly drift?: readonly StepDrift[];
  /** Set for `parked`, `failed` and `unchecked`. */
  readonly failure?: PartFailure;
  /** Set for `waiting`. */
  readonly input?: InputWait;
  /** When it happened: ISO 8601. */
  readonly at: string;
  /** The run's page in the UI, if the worker knows the UI's address. */
  readonly url?: string;
}

/** Where the run is on the Temporal server. */
export interface RunAddress extends Pick<Notification, 'namespace' | 'workflowId' | 'runId'> {
  /** For a run that was reset: the run id of the execution whose history it continues. */
  readonly originalRunId: string;
}

/**
 * Describes an event of a run. `waiting` is the part that needs attention. `trouble` is why the host cannot be reached, on behalf
 * of that part or of the whole run.
 */
export function describeEvent(
  event: RunEvent,
  status: RunStatus,
  run: RunAddress,
  waiting?: PlacedPart,
  trouble?: Trouble,
): Notification {
  const { host, plan, fleet, labels, endedAtMs, startedAtMs } = status;
  const { originalRunId, ...address } = run;
  const input = event === 'waiting' ? waiting?.part.input : undefined;
  const failure = trouble ? troubleFailure(trouble) : waiting ? waiting.part.failure : status.failure;
  return definedOnly({
    id: `${originalRunId}:${eventKey(event, waiting, trouble)}`,
    event,
    text: textOf(event, status, run, waiting, trouble),
    ...address,
    host,
    plan,
    fleet,
    labels,
    step: waiting?.step.name,
    finalizer: waiting?.kind === 'finalizer' ? true : undefined,
    failure,
    input,
    at: new Date(
      trouble?.sinceMs ?? input?.sinceMs ?? waiting?.part.endedAtMs ?? endedAtMs ?? startedAtMs,
    ).toISOString(),
  });
}

/** Names an event within its run. Each launch that needs attention, each prompt and each trouble is an event of its own. */
export function eventKey(
  event: RunEvent,
  waiting: PlacedPart | undefined,
  trouble: Trouble | undefined,
): string {
  const words = [
    event,
    ...(waiting ? [waiting.kind, waiting.step.name, waiting.part.attempt] : []),
    ...(event === 'waiting' ? [waiting?.part.input?.sinceMs ?? ''] : []),
    ...(trouble ? ['trouble', trouble.sinceMs] : []),
    // The same trouble becomes a new event once the time of its step is up.
    ...(trouble?.code === 'step-unverifiable' ? [trouble.code] : []),
  ];
  return words.join(':');
}

function troubleFailure({ code, message, advice }: Trouble): PartFailure {
  return { code, message, advice };
}

function because(failure: PartFailure | undefined): string {
  return failure ? `: ${oneLine(withCode(failure))}` : '';
}

function textOf(
  event: RunEvent,
  { host, plan, failure, steps }: RunStatus,
  { workflowId }: RunAddress,
  waiting: PlacedPart | undefined,
  trouble: Trouble | undefined,
): string {
  switch (event) {
    case 'parked': {
      const what = waiting && partName(waiting.step.name, waiting.kind === 'finalizer');
      const why = trouble
        ? `the host cannot be ${what === undefined ? 'reached' : `asked about ${what}`}${because(troubleFailure(trouble))}`
        : `${what} is parked${because(waiting?.part.failure)}`;
      return `${host} needs attention: ${why}\nInspect and act: ${commandToCopy(workflowId, ['watch', workflowId])}`;
    }
    case 'waiting': {
      const step = waiting?.step.name ?? '';
      const asked = oneLine(describeInput(waiting?.part.input ?? { lastLine: '' }));
      return `${host} needs attention: ${step} is ${asked}\nAnswer it: ${commandToCopy(workflowId, ['attach', workflowId, step])}`;
    }
    case 'failed':
      return `${host} was not provisioned (${oneLine(plan)})${because(failure)}`;
    case 'provisioned':
      return `${host} is provisioned${skippedText({ steps })} (${oneLine(plan)})`;
    case 'incomplete':
      return `${host}: the selected steps are done (${oneLine(plan)}); not done: ${listUndone({ steps }).join(', ')}`;
  }
}

/** A command to copy; none if a shell or chandler itself could read the id as something else. */
function commandToCopy(workflowId: string, words: readonly string[]): string {
  const isPlain = words.every((word) => /^[\w.:@%+/][\w.:@%+/=,-]*$/.test(word));
  return isPlain ? ['chandler', ...words].join(' ') : `run ${oneLine(workflowId)}`;
}
