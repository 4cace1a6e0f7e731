import { createHash } from 'node:crypto';
import { addressOf } from '../domain/run/ids.ts';
import { timing } from '../domain/run/timing.ts';
import { DialGate } from './dial-gate.ts';
import { openConnection, renderChecked, type Connection, type SshConnectionOptions } from './connection.ts';
import { failure } from './ssh-failure.ts';
import type { Executor } from './executor.ts';
import { HostConnections } from './host-connections.ts';
import type { SshPoolOptions } from './pool-options.ts';
import { Patience } from './patience.ts';
import { execOver, forwardThrough } from './pooled-exec.ts';
import type { ResolvedTarget } from './resolved-target.ts';

/** Totals over all hosts. */
export interface SshPoolStats {
  readonly hosts: number;
  readonly connections: number;
  readonly dialing: number;
  /** Running commands. */
  readonly active: number;
  /** Commands waiting for a connection. */
  readonly waiting: number;
  /** Connections attempted since the start. */
  readonly dials: number;
}

const DIALS = 64;
const DIALS_PER_JUMP = 16;
/** How many more places the dials to failing targets have, so that those that are back need not wait long for those that are not. */
const FAILING_FACTOR = 4;

/** Lends connections to commands. */
export interface SshPool {
  /** Returns an executor for a target. Opens no connection yet: connections are opened, shared and closed on demand. */
  executor(target: ResolvedTarget): Executor;
  /** Refuses new commands, gives running ones `drainMs` to finish, then closes every connection. */
  close(): Promise<void>;
  /** Returns the current state. */
  stats(): SshPoolStats;
}

/**
 * Creates a pool of SSH connections: for each target (with its identity and host key policy) as many as its commands need.
 *
 * The pool never retries a command that may have run. A command that certainly has not run (the pooled connection was dead, or
 * the host refused another exec) is sent over another connection. A command line of more than 8 192 bytes is a TypeError: send
 * long data over standard input.
 */
export function createSshPool(options: SshPoolOptions = {}): SshPool {
  const hosts = new Map<string, HostConnections>();
  /** Targets whose latest dial failed. Their next dial does not delay those of other targets. */
  const failing = new Set<string>();
  /** A slow login or disk is remembered when its connection is gone, because that is often the same event. */
  const patiences = new Map<string, ReturnType<typeof makePatiences>>();
  const gates = new Map<string, DialGate>();
  let closed = false;
  let dials = 0;

  const connectionsTo = (target: ResolvedTarget): HostConnections => {
    const key = keyOf(target);
    const leave = () => {
      hosts.delete(key);
      if (!Object.values(patiencesOf(key)).some(({ isLearnt }) => isLearnt)) patiences.delete(key);
    };
    const make = () => new HostConnections(addressOf(target), () => open(target), options, leave);
    return getOrAdd(hosts, key, make);
  };

  const makePatiences = () => ({
    login: new Patience(options.readyTimeoutMs ?? timing.loginMs),
    begin: new Patience(),
    answer: new Patience(),
  });
  const patiencesOf = (key: string) => getOrAdd(patiences, key, makePatiences);

  const gateTo = ({ jump }: ResolvedTarget, isFailing: boolean): DialGate => {
    const key = `${isFailing} ${jump ? keyOf(jump) : ''}`;
    const limit = jump ? DIALS_PER_JUMP : (options.dials ?? DIALS);
    // Most of these wait for a host that does not answer, which costs little.
    const places = isFailing ? FAILING_FACTOR * limit : limit;
    return getOrAdd(gates, key, () => new DialGate(places, { spreads: isFailing }));
  };

  const open = async (target: ResolvedTarget): Promise<Connection> => {
    const key = keyOf(target);
    const { login } = patiencesOf(key);
    const isFailing = failing.has(key);
    try {
      const connection = await gateTo(target, isFailing).pass(async () => {
        // The dial may have waited for long.
        if (closed) throw failure('connection-lost', addressOf(target), 'the worker is shutting down');
        dials += 1;
        return target.jump
          ? dialThrough(connectionsTo(target.jump), target, options, login)
          : openConnection(target, options, { patience: login });
      });
      failing.delete(key);
      return connection;
    } catch (error) {
      failing.add(key);
      throw error;
    }
  };

  return {
    executor: (target) => ({
      get patience() {
        return patiencesOf(keyOf(target)).begin;
      },
      get answerPatience() {
        return patiencesOf(keyOf(target)).answer;
      },
      exec: async (command, execOptions = {}) => {
        renderChecked(command);
        if (closed) throw failure('connection-lost', addressOf(target), 'the worker is shutting down');
        const host = connectionsTo(target);
        return host.use(async () => execOver(host, command, execOptions));
      },
    }),
    close: async () => {
      closed = true;
      await Promise.all([...hosts.values()].map(async (host) => host.close()));
      hosts.clear();
    },
    stats: () => ({ hosts: hosts.size, ...sumStats([...hosts.values()]), dials }),
  };
}

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

async function dialThrough(
  jump: HostConnections,
  target: ResolvedTarget,
  options: SshConnectionOptions,
  patience: Patience,
): Promise<Connection> {
  const { channel, lent } = await jump.use(async () => forwardThrough(jump, target));
  try {
    const connection = await openConnection(target, options, { via: channel, patience });
    connection.onGone(() => lent.release());
    return connection;
  } catch (error) {
    lent.release();
    throw error;
  }
}

function sumStats(hosts: readonly HostConnections[]): ReturnType<HostConnections['stats']> {
  const total = { connections: 0, dialing: 0, active: 0, waiting: 0 };
  for (const host of hosts) {
    const stats = host.stats();
    for (const key of ['connections', 'dialing', 'active', 'waiting'] as const) total[key] += stats[key];
  }
  return total;
}

/** Targets share connections only if they are equal in everything. Hashed, so that no private key is kept. */
function keyOf(target: ResolvedTarget): string {
  return createHash('sha256').update(JSON.stringify(target)).digest('hex');
}
