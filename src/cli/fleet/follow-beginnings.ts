import type { ChandlerClient } from '../../client.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import type { FleetHostStatus, FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import { RunPausedError } from '../../domain/run/server-pause.ts';
import type { CliContext } from '../context.ts';
import { isNotFound } from '../errors.ts';
import { keepConnected } from '../live/keep-connected.ts';
import type { ToCommand } from '../output/reports.ts';
import {
  announceOnce,
  askLive,
  askUntil,
  describeSilence,
  isStuck,
  type FleetSource,
} from './follow-fleet.ts';

const ASK_EVERY_MS = 300;
const PAGE_SIZE = 100;
/** The nodes of a Temporal cluster may differ by this time. */
const CLOCK_SKEW_MS = 500;

/** How the fleet began with a host, or why it did not. */
export type Beginning =
  | { readonly kind: 'begun'; readonly host: FleetHostStatus }
  /** Ctrl-C; the fleet continues. */
  | { readonly kind: 'interrupted' }
  /** The fleet was aborted, cancelled or terminated before. */
  | { readonly kind: 'over' }
  /** The fleet starts nothing until an operator acts. */
  | { readonly kind: 'stuck'; readonly reason: string };

/** Reports how a fleet proceeds, also after the server was away. */
export interface Beginnings {
  /** Waits until the fleet has begun with a host, by its place in the rollout. With `wait`, also while the fleet is stuck. */
  readonly host: (place: number) => Promise<Beginning>;
  /** Waits until the fleet is over, or needs attention, or Ctrl-C. */
  readonly end: () => Promise<'over' | 'attention' | 'interrupted'>;
  readonly close: () => void;
}

/** What is known of the whole fleet. */
interface Progress {
  readonly isOpen: boolean;
  /** Missing once the fleet is over, and while Temporal's workflow pause holds it. */
  readonly status?: FleetStatus;
}

/** Hosts of neighbouring places, read after the progress of their fleet. */
interface Page {
  readonly fleet: Progress;
  readonly hosts: readonly FleetHostStatus[];
}

export function followBeginnings(
  context: CliContext,
  { client, connect, name }: Pick<FleetSource, 'client' | 'connect' | 'name'>,
  { wait, command }: { readonly wait: boolean; readonly command: ToCommand },
): Beginnings {
  const { signal } = context;
  let isLost = false;
  const reportSilence = announceOnce(context);
  const connection = keepConnected({
    client,
    connect,
    onLost: () => (isLost = true),
    onFound: () => (isLost = false),
  });
  const ask = <T>(work: (client: ChandlerClient) => Promise<T>) => askLive(() => connection.ask(work));
  const progress = sharedFor(ASK_EVERY_MS, async () => {
    const fleet = await ask((each) => readProgress(each, name));
    if (fleet) reportSilence('');
    else if (isLost) reportSilence('The Temporal server does not answer; waiting for it');
    else reportSilence(describeSilence(name, command));
    return fleet;
  });

  // Hosts whose places are close share their queries, because a command may wait for hundreds at once.
  const pages = new Map<number, () => Promise<Page | undefined>>();
  const readPage = async (offset: number): Promise<Page | undefined> => {
    // The fleet first: a host that is pending once the fleet is over never begins.
    const fleet = await progress();
    if (!fleet || (fleet.isOpen && (!fleet.status || fleet.status.phase === 'validating'))) return undefined;
    const page = await ask(({ fleets }) => fleets.hosts(name, { offset, limit: PAGE_SIZE }));
    return page && { fleet, hosts: page.hosts };
  };

  const beginningAt = async (place: number): Promise<Beginning | undefined> => {
    const index = place % PAGE_SIZE;
    const offset = place - index;
    const read = pages.get(offset) ?? sharedFor(ASK_EVERY_MS, () => readPage(offset));
    pages.set(offset, read);
    const page = await read();
    const host = page?.hosts[index];
    if (!page || !host) return undefined;
    const { fleet } = page;
    if (host.state !== 'pending')
      return (await ask((each) => hasRun(each, host))) ? { kind: 'begun', host } : undefined;
    if (!fleet.isOpen) return { kind: 'over' };
    if (wait || !fleet.status || !isStuck(fleet.status)) return undefined;
    return { kind: 'stuck', reason: fleet.status.attention?.message ?? 'The fleet is paused.' };
  };

  const readEnd = async (): Promise<'over' | 'attention' | undefined> => {
    const fleet = await progress();
    if (fleet && !fleet.isOpen) return 'over';
    const { status } = fleet ?? {};
    return status && (status.attention || (!wait && isStuck(status))) ? 'attention' : undefined;
  };

  return {
    host: async (place) =>
      (await askUntil(signal, ASK_EVERY_MS, () => beginningAt(place))) ?? { kind: 'interrupted' },
    end: async () => (await askUntil(signal, ASK_EVERY_MS, readEnd)) ?? 'interrupted',
    close: () => connection.close(),
  };
}

async function readProgress(client: ChandlerClient, name: string): Promise<Progress> {
  const { status } = await client.temporal.workflow.getHandle(fleetWorkflowId(name)).describe();
  if (!isOpenStatus(status.name)) return { isOpen: false };
  try {
    return { isOpen: true, status: await client.fleets.status(name) };
  } catch (error) {
    if (error instanceof RunPausedError) return { isOpen: true };
    throw error;
  }
}

/** A fleet counts a host as running a moment before the run exists. Until then, its id may belong to an earlier run. */
async function hasRun(
  client: ChandlerClient,
  { state, workflowId, startedAtMs = 0 }: FleetHostStatus,
): Promise<boolean> {
  if (state !== 'running') return true;
  try {
    return (await client.describe(workflowId)).startedAtMs >= startedAtMs - CLOCK_SKEW_MS;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Returns a function that all its callers share for this time. */
function sharedFor<T>(ms: number, work: () => Promise<T>): () => Promise<T> {
  let latest: { readonly atMs: number; readonly answer: Promise<T> } | undefined;
  return () => {
    const nowMs = performance.now();
    if (!latest || nowMs - latest.atMs >= ms) latest = { atMs: nowMs, answer: work() };
    return latest.answer;
  };
}
