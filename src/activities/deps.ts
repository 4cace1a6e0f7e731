import type { Notification, NotificationChannel, NotifyWish } from '../domain/notification.ts';
import type { Target } from '../domain/schema.ts';
import type { SearchAttribute } from '../domain/search-attributes.ts';
import type { ZmxSource } from '../host/install-zmx.ts';
import type { Programs } from '../host/programs.ts';
import { Runner } from '../provision/runner.ts';
import { withSudo, type Executor, type ResolvedTarget } from '../ssh/index.ts';
import type { HostRef, LeaseHolder, SelfSight } from './types.ts';

/** What activities need from the worker. */
export interface ActivityDeps {
  readonly programs: Programs;
  readonly executorFor: (target: ResolvedTarget) => Executor;
  readonly resolveTarget: (target: Target) => Promise<ResolvedTarget>;
  readonly resolveSecrets: (references: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
  /** Where zmx comes from when the plan does not say, and how files of the worker are read. */
  readonly zmx: ZmxSource;
  /** Those of our search attributes that the server knows. */
  readonly knownSearchAttributes: () => Promise<readonly SearchAttribute[]>;
  /** What people are to be told of runs; missing if nothing. */
  readonly notifyWish: NotifyWish | undefined;
  readonly notify: (
    notification: Notification,
    channel: NotificationChannel,
    signal: AbortSignal,
  ) => Promise<void>;
  /** The engine's own id of the namespace: its name is `default` on many servers. */
  readonly namespaceId: () => Promise<string>;
  /** Whether the workflow that holds a lease may still be at work. */
  readonly isOpen: (holder: LeaseHolder) => Promise<boolean>;
  /** What the worker knows of itself. */
  readonly inspectSelf: () => Promise<SelfSight>;
}

/** Reaches a host as the plan's user, or as root if the target says so. */
export async function connectTo(deps: ActivityDeps, target: Target): Promise<Executor> {
  const executor = deps.executorFor(await deps.resolveTarget(target));
  return target.become === 'sudo' ? withSudo(executor) : executor;
}

/** A runner for a host that was prepared earlier. Its own `runId` names nothing: activities are told the launches. */
export async function openRunner(deps: ActivityDeps, { target, facts, zmx }: HostRef): Promise<Runner> {
  return new Runner({
    executor: await connectTo(deps, target),
    programs: deps.programs,
    facts,
    runId: '',
    ...(zmx && { zmx }),
  });
}
