import type { Duplex } from 'node:stream';
import { ChandlerError } from '../domain/failure.ts';
import type { Command } from '../shell/index.ts';
import type { ExecOptions, Outcome } from './executor.ts';
import type { HostConnections } from './host-connections.ts';
import type { Lease } from './lease.ts';
import type { ResolvedTarget } from './target.ts';

/** Each refusal lowers what the host's connections are asked for, from 5 down to 1: more mean something else. */
const MAX_REFUSALS = 5;

/** Thrown to a waiting command whose time is up. */
class WaitedTooLong extends Error {}

/** Runs a command over a pooled connection, and over another one where it certainly has not run. */
export async function execOver(
  host: HostConnections,
  command: Command,
  options: ExecOptions,
): Promise<Outcome> {
  const deadline = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
  let newerThan = -1;
  let refusals = 0;
  for (;;) {
    const leftMs = deadline === undefined ? undefined : Math.max(0, deadline - performance.now());
    let lease: Lease;
    try {
      lease = await leaseWithin(host, newerThan, options.signal, leftMs);
    } catch (error) {
      if (!(error instanceof WaitedTooLong)) throw error;
      return {
        kind: 'lost',
        started: 'no',
        reason: `${host.label}: no free session within ${options.timeoutMs} ms`,
      };
    }
    const outcome = await execOnce(lease, command, options, deadline, refusals < MAX_REFUSALS);
    if (outcome === 'refused') {
      refusals += 1;
      continue;
    }
    // Only a connection that had been in the pool may be replaced, and only by one dialled after this.
    if (outcome.kind === 'lost' && outcome.started === 'no' && !lease.fresh && newerThan < 0) {
      newerThan = host.lastDial;
      continue;
    }
    return outcome;
  }
}

/** One try of a command on one connection. `refused`: the host opened no further session on this connection, which now takes fewer. */
async function execOnce(
  lease: Lease,
  command: Command,
  options: ExecOptions,
  deadline: number | undefined,
  mayMove: boolean,
): Promise<Outcome | 'refused'> {
  // Whatever ends in an unknown way may still run on the host, and fill its session there.
  let slot: 'free' | 'leaked' = 'leaked';
  try {
    if (options.signal?.aborted) slot = 'free';
    const outcome = await lease.connection.exec(command, {
      ...options,
      ...(deadline === undefined ? {} : { timeoutMs: Math.max(0, deadline - performance.now()) }),
    });
    if (outcome.kind !== 'lost' || outcome.started === 'no') slot = 'free';
    return outcome;
  } catch (error) {
    if (!(error instanceof ChandlerError) || error.code !== 'channel-refused') throw error;
    slot = 'free';
    if (lease.refused() && mayMove) return 'refused';
    throw error;
  } finally {
    lease.release(slot);
  }
}

async function leaseWithin(
  host: HostConnections,
  newerThan: number,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
): Promise<Lease> {
  signal?.throwIfAborted();
  const wait = host.lease('session', newerThan);
  const abort = (): void => wait.cancel(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => wait.cancel(new WaitedTooLong()), timeoutMs);
  try {
    return await wait.lease;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Opens a channel to the target through its jump host; a pooled connection found dead is replaced once. */
export async function forwardThrough(
  jump: HostConnections,
  target: Pick<ResolvedTarget, 'host' | 'port'>,
): Promise<{ channel: Duplex; lease: Lease }> {
  const first = await jump.lease('forward', -1).lease;
  try {
    return { channel: await first.connection.forward(target.host, target.port), lease: first };
  } catch (error) {
    first.release();
    if (first.fresh || first.connection.gone() === undefined) throw error;
  }
  const second = await jump.lease('forward', jump.lastDial).lease;
  try {
    return { channel: await second.connection.forward(target.host, target.port), lease: second };
  } catch (error) {
    second.release();
    throw error;
  }
}
