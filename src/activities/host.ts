import { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { Runner } from '../provision/runner.ts';
import { connectTo, openRunner, type ActivityDeps } from './deps.ts';
import { withHeartbeats } from './heartbeat.ts';
import { encodeHolder, takeLease } from './lease.ts';
import type { Activities } from './types.ts';

type HostActivities = Pick<
  Activities,
  'prepareHost' | 'probeHost' | 'awaitBootstrap' | 'installZmx' | 'verifySentinel' | 'releaseHost'
>;

/** What is done to a host around its steps: from the lease to the sentinel, and back. */
export function hostActivities(deps: ActivityDeps): HostActivities {
  return {
    async prepareHost({ target, sentinelPath, holder, digest, pruneAfterDays }) {
      const executor = await connectTo(deps, target);
      return withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const runner = await Runner.open({
          executor,
          programs: deps.programs,
          runId: holder.firstRunId,
          signal,
        });
        const me = { ...holder, namespaceId: await deps.namespaceId() };
        await takeLease(runner.host, me, deps.isOpen, digest);
        const { facts } = runner;
        const path = sentinelPath ?? `${facts.stateDir}/provisioned`;
        const [sentinel, script, pruned] = await Promise.all([
          runner.host.readSentinel(path, { mustBeWritable: true }),
          runner.host.readScript(),
          runner.host.prune(pruneAfterDays),
        ]);
        return {
          facts,
          pruned,
          sentinelPath: path,
          ...(sentinel !== undefined && { sentinel }),
          ...(script && { script }),
        };
      });
    },

    async probeHost({ target }) {
      const executor = await connectTo(deps, target);
      return withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const { facts } = await Runner.open({ executor, programs: deps.programs, runId: '', signal });
        return facts;
      });
    },

    async awaitBootstrap({ host, marker, timeoutMs }) {
      const runner = await openRunner(deps, host);
      const boundS = Math.ceil(timeoutMs / 1000);
      const appeared = await withHeartbeats({ waitingFor: marker }, ({ signal }) =>
        runner.host.awaitFile(marker, boundS, signal),
      );
      if (!appeared)
        throw new ChandlerError('bootstrap-timeout', `${marker} did not appear within ${boundS} s`);
    },

    async installZmx({ host, zmx }) {
      const runner = await openRunner(deps, host);
      return withHeartbeats({}, ({ signal }) => runner.installZmx({ ...deps.zmx, spec: zmx }, signal));
    },

    async verifySentinel({ host, path, content }) {
      const runner = await openRunner(deps, host);
      const found = await withHeartbeats({}, ({ signal }) =>
        runner.host.writeSentinel(path, content, signal),
      );
      if (found !== content)
        throw new ChandlerError('sentinel-missing', `${path} does not read back as written`);
    },

    async releaseHost({ host, holder, close, withdraw }) {
      const runner = await openRunner(deps, host);
      await withHeartbeats({}, async () => {
        await Promise.all(
          close.map(async (launch) => {
            const place = runner.place(launch);
            if (place) await runner.host.close(launch.id, place);
          }),
        );
        if (withdraw !== undefined) await runner.host.removeSentinel(withdraw);
        await runner.host.release(encodeHolder({ ...holder, namespaceId: await deps.namespaceId() }));
      });
    },
  };
}
