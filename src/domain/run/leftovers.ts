import type { Target } from '../plan/schema.ts';
import { count } from '../text/count.ts';
import { addressOf, label, makeLaunch, type Launch } from './ids.ts';

/**
 * A launch that is alive on a host, or may still begin there. `created`: it has not begun. `interrupted`: its supervisor is gone,
 * but not its processes. `ended`: it failed or was killed, and left processes. What a successful launch left running is a
 * service, not a leftover.
 */
export interface Leftover {
  readonly launch: Launch;
  readonly state: 'created' | 'running' | 'interrupted' | 'ended';
  /** When it began, by the host's clock, in milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** The number of processes with its marker, and their descendants. */
  readonly processes: number;
}

/** The session of a finished launch, which stays open for operators. */
export interface OpenSession {
  readonly session: string;
  /** The id of the launch. */
  readonly launch: string;
}

/** Which sessions of ended launches stay open at the end of a run. */
export type KeptSessions = 'none' | 'succeeded' | 'failed' | 'all';

/** A run or script whose launches may be alive. */
export interface LaunchOwner {
  /** The owner in the ids of its launches, see {@link makeLaunch}. */
  readonly owner: string;
  /** The workflow id; a self-provisioning script has none. */
  readonly workflowId?: string;
  /** Whether it is still running. */
  readonly atWork: boolean;
}

/** A leftover and the run that started it, if that is known. */
export interface OwnedLeftover extends Leftover {
  readonly workflowId?: string;
  /** Whether the run or script that started it is still running: then it was not left behind. */
  readonly atWork: boolean;
}

/** A leftover after an attempt to end it, with the number of processes that are left. */
export interface EndedLeftover extends OwnedLeftover {
  readonly left: number;
}

/** What `chandler clean --end` did. */
export interface CleanResult {
  readonly ended: readonly EndedLeftover[];
  /** The sessions that were closed, and those that could not be closed. */
  readonly closed: readonly string[];
  readonly open: readonly string[];
}

/** Adds the run that started it to each leftover. */
export function withOwners(leftovers: readonly Leftover[], owners: readonly LaunchOwner[]): OwnedLeftover[] {
  return leftovers.map((leftover) => {
    const of = owners.find(({ owner }) => isOwnedBy(leftover, owner));
    return {
      ...leftover,
      atWork: of?.atWork ?? false,
      ...(of?.workflowId !== undefined && { workflowId: of.workflowId }),
    };
  });
}

/** Whether this owner started the launch. The id of a launch derives from its owner. */
export function isOwnedBy({ launch }: Pick<Leftover, 'launch'>, owner: string): boolean {
  const { id, step, kind, attempt } = launch;
  return makeLaunch(owner, step, kind, attempt).id === id;
}

/** The launch of a session, if this owner started it. */
export function launchOf({ session, launch }: OpenSession, owner: string): Launch | undefined {
  // The name of a step may look like that of a later attempt.
  const [, step = '', attempt] = /^(.*)\.(\d+)$/.exec(session) ?? [];
  return [makeLaunch(owner, session, 'step', 1), makeLaunch(owner, step, 'step', Number(attempt))].find(
    ({ id }) => id === launch,
  );
}

/** `a of provision:web1:22 (running since 2026-01-01T03:00:00Z, 2 processes)` */
export function describeLeftover({
  launch,
  state,
  sinceMs,
  processes,
  workflowId,
}: Leftover & { readonly workflowId?: string }): string {
  const of = workflowId === undefined ? '' : ` of ${workflowId}`;
  if (state === 'created') return `${label(launch)}${of} (not begun)`;
  const since = sinceMs === undefined ? '' : ` since ${new Date(sinceMs).toISOString().slice(0, 19)}Z`;
  const doing = { running: 'running', interrupted: 'cut short, begun', ended: 'ended, begun' }[state];
  return `${label(launch)}${of} (${doing}${since}, ${count(processes, 'process', 'processes')})`;
}

/** The arguments of the `chandler` command that lists what is left on a host, for messages. `more` are added. */
export function cleanWords({ jump, become, ...hop }: Target, ...more: readonly string[]): string[] {
  const { identity, hostKey } = hop;
  const hops = jump?.map((each, i) => prefixed(jump.length === 1 ? 'jump.' : `jump.${i + 1}.`, each)) ?? [];
  const options = Object.assign({ identity, hostKey, become }, ...hops) as Record<string, Option>;
  const words = Object.entries(options).flatMap(([key, value]) =>
    value === undefined ? [] : ['--target', `${key}=${value}`],
  );
  return ['clean', addressOf(hop), ...words, ...more];
}

type Option = string | number | undefined;

function prefixed(prefix: string, hop: Omit<Target, 'jump'>): Record<string, Option> {
  return Object.fromEntries(Object.entries(hop).map(([key, value]) => [`${prefix}${key}`, value]));
}
