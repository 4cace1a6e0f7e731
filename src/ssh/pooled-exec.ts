import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ChandlerError } from '../domain/run/failure.ts';
import type { Command } from '../shell/index.ts';
import type { ExecOptions, Outcome } from './executor.ts';
import type { HostConnections } from './host-connections.ts';
import type { LentConnection, Refusal } from './lent-connection.ts';
import type { ResolvedTarget } from './resolved-target.ts';

/** Each refusal lowers the number of execs per connection, from 5 down to 1. Further refusals have another cause. */
const MAX_REFUSALS = 5;
const REFUSED_PAUSE_MS = 20;
/** After this time a command on a dead connection counts as lost and is not moved. */
const MAX_MOVE_AFTER_MS = 5_000;

class WaitedTooLong extends Error {}

/** Runs a command over a pooled connection, and moves it to another one only if it certainly has not run. */
export async function execOver(
  host: HostConnections,
  command: Command,
  options: ExecOptions,
): Promise<Outcome> {
  const deadline = options.timeoutMs === undefined ? undefined : performance.now() + options.timeoutMs;
  const leftMs = () => deadline && Math.max(0, deadline - performance.now());
  let newerThan = -1;
  let refusals = 0;
  for (;;) {
    let lent: LentConnection;
    try {
      lent = await lendWithin(host, newerThan, options.signal, leftMs());
    } catch (error) {
      if (!(error instanceof WaitedTooLong)) throw error;
      const reason = `${host.label}: no free connection within ${options.timeoutMs} ms`;
      return { kind: 'lost', started: 'no', reason };
    }
    const sentAt = performance.now();
    const outcome = await execOnce(
      lent,
      command,
      { ...options, timeoutMs: leftMs() },
      refusals < MAX_REFUSALS,
    );
    if (outcome === 'wait') {
      await delay(REFUSED_PAUSE_MS);
      continue;
    }
    if (outcome === 'move') {
      refusals += 1;
      continue;
    }
    // Only a command on a reused connection may move: once, and only to a connection that was dialled later.
    const mayMove = !lent.fresh && newerThan < 0 && performance.now() - sentAt < MAX_MOVE_AFTER_MS;
    if (outcome.kind === 'lost' && outcome.started === 'no' && mayMove) {
      newerThan = host.lastDial;
      continue;
    }
    return outcome;
  }
}

/** Returns what to do if the host refused the exec. */
async function execOnce(
  lent: LentConnection,
  command: Command,
  options: ExecOptions,
  mayMove: boolean,
): Promise<Outcome | Exclude<Refusal, 'fail'>> {
  // After an unknown outcome the host may still count the exec.
  let slot: 'free' | 'leaked' = 'leaked';
  try {
    if (options.signal?.aborted) slot = 'free';
    const outcome = await lent.connection.exec(command, options);
    if (outcome.kind !== 'lost' || outcome.started === 'no') slot = 'free';
    return outcome;
  } catch (error) {
    if (!(error instanceof ChandlerError) || error.code !== 'channel-refused') throw error;
    slot = 'free';
    const refusal = lent.refused();
    if (refusal === 'fail' || (refusal === 'move' && !mayMove)) throw error;
    return refusal;
  } finally {
    lent.release(slot);
  }
}

async function lendWithin(
  host: HostConnections,
  newerThan: number,
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
): Promise<LentConnection> {
  signal?.throwIfAborted();
  const wait = host.lend('exec', newerThan);
  const abort = (): void => wait.cancel(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => wait.cancel(new WaitedTooLong()), timeoutMs);
  try {
    return await wait.lent;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Opens a channel to the target through its jump host; replaces a dead pooled connection once. */
export async function forwardThrough(
  jump: HostConnections,
  target: Pick<ResolvedTarget, 'host' | 'port'>,
): Promise<{ channel: Duplex; lent: LentConnection }> {
  for (let newerThan = -1; ; newerThan = jump.lastDial) {
    const lent = await jump.lend('forward', newerThan).lent;
    try {
      return { channel: await lent.connection.forward(target.host, target.port), lent };
    } catch (error) {
      lent.release();
      if (newerThan >= 0 || lent.fresh || lent.connection.gone() === undefined) throw error;
    }
  }
}
