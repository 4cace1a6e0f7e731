import { makeLaunch } from '../src/domain/run/ids.ts';
import type { RunResult } from '../src/client.ts';
import type { RunStatus } from '../src/domain/run/status.ts';
import type { AimedStop, LedgerLine } from './ledger.ts';
import type { DrawnRun } from './plans.ts';
import type { Stage, StageHost } from './stage.ts';

/** A fault that was injected. */
export interface Injected {
  readonly kind: string;
  readonly host: string;
  readonly run: string;
  readonly atMs: number;
  readonly healedMs: number;
  /** The window it was aimed at. */
  readonly window?: Pick<AimedStop, 'program' | 'line'>;
  /** It struck the host or the path to it; otherwise a worker or the server, which serve all hosts. */
  readonly onHost: boolean;
  readonly kills: boolean;
  readonly losesLogs: boolean;
  readonly removesAccess: boolean;
  /** Milliseconds until the struck part continued, if it had stopped. */
  readonly recoveryMs?: number;
}

/** The host's own records of a launch after the run. */
export interface HostLaunch {
  readonly launch: string;
  readonly started: boolean;
  readonly code?: number;
  readonly log: string;
  /** The host recorded that it could not keep the whole output. */
  readonly cut?: true;
  /** Chandler ended it. */
  readonly killed?: true;
}

/** The records of a launch in Temporal's history. */
export interface Claim {
  readonly launch: string;
  readonly atMs: number;
  readonly claims: 'succeeded' | 'failed' | 'interrupted';
}

export interface HistoryEvent {
  readonly atMs: number;
  readonly text: string;
}

/** Everything known about a run after its end, from independent sources. */
export interface Evidence {
  readonly drawn: DrawnRun;
  readonly firstRunId: string;
  readonly hostName: string;
  readonly ledger: readonly LedgerLine[];
  readonly outcome: RunResult | { readonly outcome: 'stuck'; readonly why: string };
  readonly status: RunStatus;
  readonly claims: readonly Claim[];
  readonly events: readonly HistoryEvent[];
  readonly launches: readonly HostLaunch[];
  /** Which run wrote the sentinel, if there is one: this one, or one before or after it with the same plan. */
  readonly sentinel?: 'own' | 'other';
  /** Launches that have live processes. */
  readonly alive: readonly string[];
  /** Sessions that exist, with the launch each belongs to. */
  readonly sessions: readonly { readonly name: string; readonly launch: string }[];
  /** Logs as a client reads them. */
  readonly read: readonly { readonly launch: string; readonly text: string; readonly complete: boolean }[];
  /** The faults that its host met while it ran. */
  readonly faults: readonly Injected[];
  /** It continues the launches of a terminated run. */
  readonly continues?: true;
}

/** Every launch that the run may have created, by its status and history. */
export function launchesOf(evidence: Pick<Evidence, 'firstRunId' | 'status'>) {
  return evidence.status.steps.flatMap((step) => [
    ...range(step.attempt).map((n) => makeLaunch(evidence.firstRunId, step.name, 'step', n)),
    ...range(step.finalizer?.attempt ?? 0).map((n) =>
      makeLaunch(evidence.firstRunId, step.name, 'finalizer', n),
    ),
  ]);
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Reads the host, not over SSH. The path of the sentinel contains no blanks. */
export async function readHost(
  host: StageHost,
  launches: readonly string[],
  sentinel: string,
): Promise<Pick<Evidence, 'launches' | 'alive' | 'sessions'> & { readonly sentinel?: string }> {
  const text = await host.run(
    `cd /var/lib/chandler/launches 2>/dev/null || exit 0
    for id in ${launches.join(' ')}; do
      [ -d "$id" ] || continue
      code=$(sed -n 's/^code=//p' "$id/exit" 2>/dev/null)
      started=no; [ ! -e "$id/started" ] || started=yes
      # A reboot that the step declared is a good end, which nothing could record.
      [ -n "$code" ] || [ $started = no ] || [ -e "$id/cancelled" ] || ! grep -q ' reboot=' "$id/settings" ||
        grep -qF "$(cat /proc/sys/kernel/random/boot_id)" "$id/started" || code=0
      kept=$(sed -n 's/^log=//p' "$id/exit" 2>/dev/null)
      by=$(sed -n 's/^by=//p' "$id/exit" 2>/dev/null)
      [ $started = yes ] || [ ! -e "$id/cancelled" ] || by=kill
      echo "launch $id $started \${code:--} \${kept:--} \${by:--} $(base64 -w 0 "$id/log")"
    done
    [ ! -e ${sentinel} ] || echo "sentinel $(base64 -w 0 ${sentinel})"
    cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | sed -n 's/^CHANDLER_LAUNCH=/alive /p' | sort -u
    for socket in /run/chandler/zmx/*; do
      name=\${socket##*/}
      [ ! -S "$socket" ] || echo "session $name $(cut -d ' ' -f 1 "/var/lib/chandler/sessions/$name")"
    done`,
  );
  const rows = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' '));
  const of = (what: string) => rows.filter(([first]) => first === what);
  const found = of('sentinel')[0];
  return {
    launches: of('launch').map(([, launch = '', started, code = '-', kept, by, log]) => ({
      launch,
      started: started === 'yes',
      ...(code !== '-' && { code: Number(code) }),
      log: decode(log),
      ...(kept === 'cut' && { cut: true }),
      ...(by === 'kill' && { killed: true }),
    })),
    ...(found && { sentinel: decode(found[1]) }),
    alive: of('alive').map(([, launch = '']) => launch),
    sessions: of('session').map(([, name = '', launch = '']) => ({ name, launch })),
  };
}

const decode = (base64 = '') => Buffer.from(base64, 'base64').toString('utf8');

/** Temporal's records: all events, and the reports of activities about launches. */
export async function readHistory(
  stage: Stage,
  workflowId: string,
  runId?: string,
): Promise<
  Pick<Evidence, 'claims' | 'events'> & { attempts: readonly Attempt[]; owner?: string; resetMs?: number }
> {
  // By default the latest execution: a reset creates another one with the events up to its point.
  const history = await stage.client.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  const scheduled = new Map<string, { type: string; launch: string; id: string }>();
  const started = new Map<string, number>();
  const claims: Claim[] = [];
  const events: HistoryEvent[] = [];
  const attempts: Attempt[] = [];
  let owner: string | undefined;
  let resetMs: number | undefined;
  for (const event of history.events ?? []) {
    const atMs = millisOf(event.eventTime);
    const [kind, attributes] = Object.entries(event).find(
      ([key, value]) => key.endsWith('EventAttributes') && value !== null && value !== undefined,
    ) ?? ['', undefined];
    const what = kind.replace('EventAttributes', '');
    const scheduledEvent = event.activityTaskScheduledEventAttributes;
    if (scheduledEvent) {
      const input = (readPayload(scheduledEvent.input) ?? {}) as Input;
      const launch = input.launch?.id ?? '';
      const type = scheduledEvent.activityType?.name ?? '';
      if (type === 'surveyLaunches') owner = input.owner;
      scheduled.set(String(event.eventId), { type, launch, id: scheduledEvent.activityId ?? '' });
    }
    const key = String(
      scheduledEvent ? event.eventId : (attributes as { scheduledEventId?: unknown })?.scheduledEventId,
    );
    const about = scheduled.get(key);
    if (Number(event.workflowTaskFailedEventAttributes?.cause) === RESET) resetMs = atMs;
    const begun = event.activityTaskStartedEventAttributes;
    if (begun) started.set(String(begun.scheduledEventId), atMs);
    if (about && /Completed|Failed|TimedOut|Canceled/.test(what))
      attempts.push({ activity: about.id, startedMs: started.get(key) ?? atMs, endedMs: atMs });
    const failure = event.activityTaskFailedEventAttributes?.failure;
    const signal = event.workflowExecutionSignaledEventAttributes?.signalName;
    const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name;
    if (!/^workflowTask|PropertiesModified|upsert/.test(what))
      events.push({
        atMs,
        text: [what, about?.type, about?.launch, failure?.applicationFailureInfo?.type, signal, update]
          .filter(Boolean)
          .join(' '),
      });
    const claimed = claimOf(event);
    if (claimed && (about?.type === 'waitStep' || about?.type === 'finalizeStep'))
      claims.push({ launch: about.launch, atMs, claims: claimed });
  }
  return {
    claims,
    events,
    attempts,
    ...(owner !== undefined && { owner }),
    ...(resetMs !== undefined && { resetMs }),
  };
}

/** What the end of an activity claims about the launch for which it waited. */
function claimOf(event: {
  readonly activityTaskCompletedEventAttributes?: unknown;
  readonly activityTaskFailedEventAttributes?: {
    readonly failure?: { readonly applicationFailureInfo?: { readonly type?: string | null } | null } | null;
  } | null;
}): Claim['claims'] | undefined {
  if (event.activityTaskCompletedEventAttributes) return 'succeeded';
  const failure = event.activityTaskFailedEventAttributes?.failure;
  if (failure?.applicationFailureInfo?.type === 'step-interrupted') return 'interrupted';
  return failure ? 'failed' : undefined;
}

/** WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW: the first event that an execution does not share with the one before its reset. */
const RESET = 20;

/** The last attempt of an activity. */
export interface Attempt {
  readonly activity: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

interface Input {
  readonly launch?: { readonly id?: string };
  /** The owner of the launches that `surveyLaunches` asks for. */
  readonly owner?: string;
}

/** What an event carries. */
export interface Payloads {
  readonly payloads?: readonly { readonly data?: Uint8Array | null }[] | null;
}

/** The first value that an event carries; undefined if it carries none. */
export function readPayload(carried: Payloads | null | undefined): unknown {
  const data = carried?.payloads?.[0]?.data;
  return data && data.length > 0 ? JSON.parse(Buffer.from(data).toString('utf8')) : undefined;
}

/** A time of the server's, in milliseconds since the epoch. */
export function millisOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}
