import { createHash } from 'node:crypto';
import { addressOf } from '../domain/ids.ts';
import { openConnection, renderChecked } from './connection.ts';
import type { Connection } from './connection.ts';
import { failure } from './errors.ts';
import type { Executor } from './executor.ts';
import { HostConnections } from './host-connections.ts';
import type { SshPoolOptions } from './pool-options.ts';
import { execOver, forwardThrough } from './pooled-exec.ts';
import type { ResolvedTarget } from './target.ts';

/** What a pool has at the moment, over all hosts. */
export interface SshPoolStats {
  readonly hosts: number;
  readonly connections: number;
  /** Connections that are being made. */
  readonly dialing: number;
  /** Commands under way. */
  readonly active: number;
  /** Commands that wait for a session. */
  readonly waiting: number;
  /** Connections opened, or tried, since the start. */
  readonly dials: number;
}

/** Connections to hosts, lent to commands. */
export interface SshPool {
  /** An executor for a target. Costs nothing; connections are made, shared and closed behind it. */
  executor(target: ResolvedTarget): Executor;
  /** Refuses new commands, lets those under way finish for a moment, then ends every connection. */
  close(): Promise<void>;
  /** What it has at the moment. */
  stats(): SshPoolStats;
}

/**
 * Makes a pool of SSH connections: per target (identity and host key policy included) as many as its commands need.
 *
 * It never retries a command that may have run. One that certainly has not (the pooled connection turned out dead, or
 * the host refused a further session on it) is sent over another connection instead. A command line of more than 8 192 bytes
 * is a TypeError: send what is long over standard input.
 */
export function createSshPool(options: SshPoolOptions = {}): SshPool {
  const hosts = new Map<string, HostConnections>();
  let closed = false;
  let dials = 0;

  const connectionsTo = (target: ResolvedTarget): HostConnections => {
    const key = keyOf(target);
    const known = hosts.get(key);
    if (known) return known;
    const made = new HostConnections(
      addressOf(target),
      () => open(target),
      options,
      () => hosts.delete(key),
    );
    hosts.set(key, made);
    return made;
  };

  const open = async (target: ResolvedTarget): Promise<Connection> => {
    dials += 1;
    if (!target.jump) return openConnection(target, options);
    const { channel, lease } = await throughJump(target.jump, target);
    try {
      const connection = await openConnection(target, options, channel);
      connection.onGone(() => lease.release());
      return connection;
    } catch (error) {
      lease.release();
      throw error;
    }
  };

  const throughJump = async (
    jump: ResolvedTarget,
    target: ResolvedTarget,
  ): ReturnType<typeof forwardThrough> => {
    const host = connectionsTo(jump);
    return host.use(async () => forwardThrough(host, target));
  };

  return {
    executor: (target) => ({
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
    stats: () => {
      const all = [...hosts.values()].map((host) => host.stats());
      const sum = (part: (stats: (typeof all)[number]) => number): number =>
        all.reduce((total, one) => total + part(one), 0);
      return {
        hosts: hosts.size,
        connections: sum((host) => host.connections),
        dialing: sum((host) => host.dialing),
        active: sum((host) => host.active),
        waiting: sum((host) => host.waiting),
        dials,
      };
    },
  };
}

/** Targets share connections only if everything about them is the same; the key itself is not kept. */
function keyOf(target: ResolvedTarget): string {
  return createHash('sha256').update(JSON.stringify(target)).digest('hex');
}
