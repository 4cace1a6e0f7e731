import { describeBootEvent, describeLateEvent } from '../domain/run/boot-event.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { addressOf, label, type Launch } from '../domain/run/ids.ts';
import { hasSucceeded, type LaunchState } from '../domain/run/launch-state.ts';
import { launchOf, type KeptSessions } from '../domain/run/leftovers.ts';
import { sentinelSaysDone } from '../domain/run/sentinel.ts';
import { listLeftovers } from '../host/host-report.ts';
import type { Host } from '../host/host.ts';
import { openHost } from '../host/open-host.ts';
import { installLocalZmx, installZmx } from '../host/install-zmx.ts';
import { isScriptOwner } from '../self-provision/script.ts';
import { connectTo, hostOf, onHost, type ActivityDeps } from './activity-deps.ts';
import { withHeartbeats } from './with-heartbeats.ts';
import {
  continueSkipped,
  endLeftovers,
  isLaterExecution,
  keepLease,
  laterHolder,
  leaseHeld,
  leftoversOf,
  ownerOf,
  takeLease,
} from './take-lease.ts';
import { decodeHolder, leaseWord, type LeaseHolder } from './lease-holder.ts';
import type { Activities, HostRef, PreparedHost } from './activity-types.ts';

type HostActivities = Pick<
  Activities,
  'prepareHost' | 'probeHost' | 'awaitBootstrap' | 'installZmx' | 'verifySentinel' | 'releaseHost'
>;

/**
 * Ends attempts that a run started after the point to which it was reset, and closes sessions of those that have ended: the run
 * does not know them, and must leave nothing of them.
 *
 * @throws ChandlerError leftovers-found
 */
async function endStray(
  deps: ActivityDeps,
  host: Host,
  {
    ref,
    holder,
    keep,
    signal,
  }: { ref: HostRef; holder: LeaseHolder; keep: KeptSessions; signal: AbortSignal },
): Promise<void> {
  const executor = await connectTo(deps, ref.target);
  const { programs } = deps;
  const found = await listLeftovers({ executor, programs, signal }, ref.facts.stateDir);
  const owner = ownerOf(holder);
  const sessions = found.openSessions.flatMap((session) => launchOf(session, owner) ?? []);
  const states = sessions.length > 0 ? await host.states(sessions.map(({ id }) => id)) : undefined;
  await closeSessions(
    host,
    sessions.filter(({ id }) => !isKept(keep, states?.get(id))),
  );
  const own = leftoversOf(found.leftovers, owner, holder.workflowId);
  const stray = own.filter(({ state }) => state !== 'ended');
  if (stray.length === 0) return;
  const left = (await endLeftovers(host, stray, { closesSessions: true })).filter((each) => each.left > 0);
  if (left.length === 0) return;
  const named = left.map(({ launch }) => label(launch)).join(', ');
  throw new ChandlerError('leftovers-found', `cannot end what ran before the workflow was reset: ${named}`);
}

function isKept(keep: KeptSessions, state: LaunchState | undefined): boolean {
  const outcome = hasSucceeded(state) ? 'succeeded' : 'failed';
  return keep === 'all' || keep === outcome;
}

async function closeSessions(host: Host, launches: readonly Launch[]): Promise<void> {
  await Promise.all(
    launches.map(async (launch) => {
      const place = host.placeToEnd(launch);
      if (place) await host.close(launch.id, place);
    }),
  );
}

/** Leases the host, handles the launches that earlier runs left, and reads what was done there. */
async function prepareHost(
  deps: ActivityDeps,
  input: Parameters<Activities['prepareHost']>[0],
  signal: AbortSignal,
): Promise<PreparedHost> {
  const { programs, isOpen } = deps;
  const { target, sentinelPath, holder, digest, plan, onLeftovers, pruneAfterDays, zmx, doneMark } = input;
  const executor = await connectTo(deps, target);
  const { host, facts } = await openHost({ executor, programs, signal });
  const path = sentinelPath ?? `${facts.stateDir}/provisioned`;
  const request = { holder: { ...holder, namespaceId: await deps.namespaceId(), digest }, target };
  const wanted = { sentinelPath: path, plan, pruneAfterDays, signal };
  // A run cannot continue as new before it has its host, so a later execution is one after a reset.
  const isReset = isLaterExecution(holder);
  const mine = leaseWord(request.holder);
  let first = await host.prepare(mine, { ...wanted, doneMark: isReset ? undefined : doneMark });
  if (first.doneSentinel !== undefined) {
    const sentinel = first.doneSentinel;
    if (sentinelSaysDone(sentinel, digest, 'skip-if-same-plan'))
      return { facts, pruned: 0, sentinelPath: path, sentinel, ended: [] };
    first = await host.prepare(mine, wanted);
  }
  const lease = {
    ...request,
    sentinelPath: path,
    onLeftovers,
    isReset,
    isOpen,
    listLeftovers: async () =>
      (await listLeftovers({ executor, programs, signal }, facts.stateDir)).leftovers,
  };
  const held = await takeLease(host, lease, first.lease);
  const { lease: last, records } = first.records ? first : await host.prepare(held.word, wanted);
  if (!records) throw leaseHeld(host, target, last.ours ? undefined : decodeHolder(last.holder));
  const { sentinel, script, parts, pruned } = records;
  const taken = await continueSkipped(host, request, held, sentinel);
  const local =
    zmx && sentinel === undefined
      ? await installLocalZmx({ ...deps.zmx, spec: zmx, executor, facts, signal })
      : undefined;
  return {
    facts,
    pruned,
    sentinelPath: path,
    ...(sentinel !== undefined && { sentinel }),
    ...(script && { script }),
    ...(Object.keys(parts).length > 0 && { recorded: parts }),
    lease: taken.word,
    ...(taken.adopted && { adopted: taken.adopted }),
    ended: taken.ended,
    ...(local && { zmx: local }),
  };
}

/** Waits for one event of the first boot. @throws ChandlerError bootstrap-timeout, bootstrap-failed */
async function awaitBootstrap(
  deps: ActivityDeps,
  { host: ref, event, timeoutMs }: Parameters<Activities['awaitBootstrap']>[0],
): ReturnType<Activities['awaitBootstrap']> {
  const host = await hostOf(deps, ref);
  const boundS = Math.ceil(timeoutMs / 1000);
  const waitingFor = describeBootEvent(event);
  const { isOver, outcome, report } = await deps.waits.hold(() =>
    withHeartbeats({ waitingFor }, ({ signal }) => host.awaitBoot(event, boundS, signal)),
  );
  if (!isOver) throw new ChandlerError('bootstrap-timeout', describeLateEvent(event, report));
  const said = oneLine(report);
  if (outcome === 'failed') throw new ChandlerError('bootstrap-failed', `${waitingFor} failed: ${said}`);
  return outcome === 'recovered' ? { recovered: `${waitingFor} recovered from errors: ${said}` } : {};
}

/** The activities around the steps of a host: from the lease to the sentinel, and its release. */
export function hostActivities(deps: ActivityDeps): HostActivities {
  return {
    prepareHost: (input) =>
      // Heartbeats begin before the connection, because the workflow takes an activity that runs out of time without any for one
      // that no worker has begun.
      withHeartbeats({ host: addressOf(input.target) }, ({ signal }) => prepareHost(deps, input, signal)),

    probeHost: ({ target }) =>
      withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const executor = await connectTo(deps, target);
        return (await openHost({ executor, programs: deps.programs, signal })).facts;
      }),

    awaitBootstrap: (input) => awaitBootstrap(deps, input),

    async installZmx({ host: { target, facts }, zmx }) {
      const executor = await connectTo(deps, target);
      return withHeartbeats({}, ({ signal, report }) =>
        installZmx({ ...deps.zmx, spec: zmx, onRetry: report, executor, facts, signal }),
      );
    },

    verifySentinel: ({ host: ref, path, content, owner, lease, close, keep }) =>
      onHost(deps, ref, async (host, signal) => {
        const holder = laterHolder(lease);
        if (lease !== undefined && holder) {
          await keepLease(host, ref.target, lease);
          await endStray(deps, host, { ref, holder, keep, signal });
        }
        // The script's record is settled while the run still holds the host.
        const script = owner !== undefined && isScriptOwner(owner) ? owner : undefined;
        const released = lease !== undefined && script === undefined;
        const found = released
          ? await host.finish(lease, { sentinelPath: path, content, close, signal })
          : await host.writeSentinel(path, content, signal);
        if (found !== content)
          throw new ChandlerError('sentinel-missing', `${path} does not read back as written`);
        if (script !== undefined) await host.settleScript(script);
        return { released };
      }),

    releaseHost: ({ host: ref, lease, close, keep, withdraw }) =>
      onHost(deps, ref, async (host, signal) => {
        const holder = laterHolder(lease);
        if (holder) await endStray(deps, host, { ref, holder, keep, signal });
        await closeSessions(host, close);
        // If the host was released together with the sentinel, the next run may have it.
        if (withdraw !== undefined && (lease === undefined || (await host.lease(lease)).ours))
          await host.removeSentinel(withdraw);
        if (lease !== undefined) await host.release(lease);
      }),
  };
}
