import { addressOf } from '../domain/run/ids.ts';
import { withOwners, type CleanResult, type OpenSession } from '../domain/run/leftovers.ts';
import { listLeftovers, inspectHost, type HostReport, type InspectDeps } from '../host/host-report.ts';
import type { Host } from '../host/host.ts';
import { openHost } from '../host/open-host.ts';
import { connectTo, type ActivityDeps } from './activity-deps.ts';
import { withHeartbeats } from './with-heartbeats.ts';
import { endLeftovers, isScriptHolder, keepLease, leaseHeld, ownersOf, scriptAtWork } from './take-lease.ts';
import { decodeHolder, encodeHolder } from './lease-holder.ts';
import type { Activities } from './activity-types.ts';

/** Ends what earlier runs left on a host. */
export function cleanActivities(deps: ActivityDeps): Pick<Activities, 'cleanHost'> {
  return {
    async cleanHost({ target, holder, run }) {
      const executor = await connectTo(deps, target);
      const { programs } = deps;
      const me = encodeHolder({ ...holder, namespaceId: await deps.namespaceId() });
      return withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const inspectDeps = { executor, programs, signal };
        const report = await inspectHost(inspectDeps);
        if (!report.state.exists) return { ended: [], closed: [], open: [] };
        const { host } = await openHost(inspectDeps);
        if (isScriptHolder(report.lease) && report.script?.alive) throw scriptAtWork(host);
        const former = decodeHolder(report.lease);
        if (former && report.lease !== me && former.workflowId !== run && (await deps.isOpen(former)))
          throw leaseHeld(host, target, former);
        // While this activity holds the lease, no run can begin on the host.
        await keepLease(host, target, me, report.lease);
        const { leftovers } = await listLeftovers(inspectDeps, host.stateDir);
        const owned = withOwners(leftovers, ownersOf(former, false, report.script));
        const ended = await endLeftovers(host, owned);
        const sessions = await closeSessions(inspectDeps, report, host);
        // While something is left, the lease stays, so that the next run finds a finished holder and lists its launches.
        if (ended.every(({ left }) => left === 0)) await host.release(me);
        return { ended, ...sessions };
      });
    },
  };
}

/**
 * Closes the sessions of finished launches. Calls each zmx of the host, because one kind of zmx cannot close another's sessions.
 */
async function closeSessions(
  inspectDeps: InspectDeps,
  { facts, zmxReady }: HostReport,
  host: Host,
): Promise<Pick<CleanResult, 'closed' | 'open'>> {
  const list = async () => (await listLeftovers(inspectDeps, facts.stateDir)).openSessions;
  const found = await list();
  let open: readonly OpenSession[] = found;
  const paths = [
    ...(facts.zmx ? [facts.zmx.path] : []),
    ...zmxReady.map((key) => `${facts.stateDir}/zmx/${key}/zmx`),
  ];
  for (const zmxPath of paths) {
    if (open.length === 0) break;
    await Promise.all(
      open.map(({ session, launch }) => host.close(launch, { session, zmxPath, zmxDir: facts.zmxDir })),
    );
    open = await list();
  }
  const left = new Set(open.map(({ session }) => session));
  return {
    closed: found.flatMap(({ session }) => (left.has(session) ? [] : [session])),
    open: [...left],
  };
}
