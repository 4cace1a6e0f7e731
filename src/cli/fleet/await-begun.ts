import { setTimeout as delay } from 'node:timers/promises';
import type { FleetHostStatus } from '../../domain/fleet/fleet-status.ts';
import type { CliContext } from '../context.ts';
import { keepConnected } from '../live/keep-connected.ts';
import { isFleetCutOff } from '../live/followed-fleet.ts';
import { askLive, type FleetSource } from './follow-fleet.ts';

const LOOK_EVERY_MS = 300;

/** Tells when a fleet begins with a host. */
export interface Beginnings {
  /**
   * Waits until the fleet has begun with a host, by its place in the rollout. Returns undefined after Ctrl-C, or if the fleet ended
   * before.
   */
  readonly host: (place: number) => Promise<FleetHostStatus | undefined>;
  readonly close: () => void;
}

const ignore = () => undefined;

export function followBeginnings(
  { signal }: CliContext,
  { client, connect, name }: Pick<FleetSource, 'client' | 'connect' | 'name'>,
): Beginnings {
  const connection = keepConnected({ client, connect, onLost: ignore, onFound: ignore });
  return {
    async host(place) {
      while (!signal.aborted) {
        const page = await askLive(() =>
          connection.ask(({ fleets }) => fleets.hosts(name, { offset: place, limit: 1 })),
        );
        const [host] = page?.hosts ?? [];
        if (host && host.state !== 'pending') return host;
        if (await askLive(() => connection.ask((each) => isFleetCutOff(each, name)))) return undefined;
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(ignore);
      }
      return undefined;
    },
    close: () => connection.close(),
  };
}
