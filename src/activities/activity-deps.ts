import type { Notification, NotificationChannel, NotifySettings } from '../domain/run/notification.ts';
import type { Target } from '../domain/plan/schema.ts';
import type { SearchAttribute } from '../domain/run/search-attributes.ts';
import { Host } from '../host/host.ts';
import type { ZmxSource } from '../host/install-zmx.ts';
import type { Programs } from '../host/programs.ts';
import { withSudo, type Executor, type ResolvedTarget } from '../ssh/index.ts';
import type { HostRef, RunSurvey, WorkerSelfInspection } from './activity-types.ts';
import type { LeaseHolder } from './lease-holder.ts';
import type { WaitSlots } from './wait-slots.ts';
import { withHeartbeats } from './with-heartbeats.ts';

/** What activities need from the worker. */
export interface ActivityDeps {
  readonly programs: Programs;
  readonly executorFor: (target: ResolvedTarget) => Executor;
  readonly resolveTarget: (target: Target) => Promise<ResolvedTarget>;
  readonly resolveSecrets: (references: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
  /** Reads a file of the worker that plans may name. @throws ChandlerError file-unavailable */
  readonly readFile: (name: string) => Promise<Uint8Array>;
  /** Where zmx comes from if the plan does not set it, and how to read files of the worker. */
  readonly zmx: ZmxSource;
  /** Chandler's search attributes that the server knows. */
  readonly knownSearchAttributes: () => Promise<readonly SearchAttribute[]>;
  /** Which events of runs are notified, and how; missing if none. */
  readonly notifySettings: NotifySettings | undefined;
  readonly notify: (
    notification: Notification,
    channel: NotificationChannel,
    signal: AbortSignal,
  ) => Promise<void>;
  /** The server's own id of the namespace: its name is `default` on many servers. */
  readonly namespaceId: () => Promise<string>;
  /** Whether the workflow that holds a lease may still be running. */
  readonly isOpen: (holder: LeaseHolder) => Promise<boolean>;
  /** Asks the server about the latest run of a workflow id. */
  readonly surveyRun: (workflowId: string) => Promise<RunSurvey>;
  /** Sends a signal to a run, unless it is over. */
  readonly signalRun: (
    run: { readonly workflowId: string; readonly firstRunId: string },
    signal: string,
    input: unknown,
  ) => Promise<void>;
  readonly waits: WaitSlots;
  /** Inspects what the worker knows without asking anyone. */
  readonly inspectSelf: () => Promise<WorkerSelfInspection>;
}

/** Connects to a host as the target's user, or as root with `become`. */
export async function connectTo(deps: ActivityDeps, target: Target): Promise<Executor> {
  const executor = deps.executorFor(await deps.resolveTarget(target));
  return target.become === 'sudo' ? withSudo(executor) : executor;
}

/** A host that was prepared earlier. */
export async function hostOf(deps: ActivityDeps, { target, facts, zmx }: HostRef): Promise<Host> {
  return new Host({ executor: await connectTo(deps, target), programs: deps.programs, facts, zmx });
}

/** Does something short on a host that was prepared earlier. */
export async function onHost<T>(
  deps: ActivityDeps,
  ref: HostRef,
  work: (host: Host, signal: AbortSignal) => Promise<T>,
  about: object = {},
): Promise<T> {
  const host = await hostOf(deps, ref);
  return withHeartbeats(about, ({ signal }) => work(host, signal));
}
