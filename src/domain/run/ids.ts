import { partName } from './status.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Target } from '../plan/schema.ts';

/** One execution of a step or of its finalizer; {@link makeLaunch} creates one. */
export interface Launch {
  /** The name of its directory on the host: 20 hex digits. */
  readonly id: string;
  readonly step: string;
  readonly kind: 'step' | 'finalizer';
  /** 1, 2, … grows with each retry. */
  readonly attempt: number;
}

/**
 * Creates the identity of a launch. `owner` is the run id of the first execution, which stays the same over continue-as-new and
 * reset, and differs in each new run. So a repeated request means the same launch, and a new run never reuses an old one. Without
 * Temporal, `owner` is the `runId` of a {@link Runner}, whose `run` creates launches of kind `step`, attempt 1.
 */
export function makeLaunch(owner: string, step: string, kind: Launch['kind'], attempt: number): Launch {
  const id = bytesToHex(sha256(utf8ToBytes(JSON.stringify([owner, step, kind, attempt])))).slice(0, 20);
  return { id, step, kind, attempt };
}

/** The zmx session of a launch: `px-egress`, then `px-egress.2`, …. A finalizer has none. */
export function sessionName(launch: Launch): string | undefined {
  if (launch.kind === 'finalizer') return undefined;
  return launch.attempt === 1 ? launch.step : `${launch.step}.${launch.attempt}`;
}

/** A launch as messages name it: `px-egress`, `px-egress.2`, `px-egress (finalizer)`, `px-egress (finalizer) 2`. */
export function label(launch: Launch): string {
  return (
    sessionName(launch) ?? `${partName(launch.step, true)}${launch.attempt > 1 ? ` ${launch.attempt}` : ''}`
  );
}

/** The workflow id for a host: with one id per host the server itself refuses a second run on it. */
export function defaultWorkflowId(target: Pick<Target, 'host' | 'port'>): string {
  return `provision:${target.host}:${target.port ?? 22}`;
}

/** The workflow id for a watch: only one watch at a time follows a host. */
export function defaultWatchId(target: Pick<Target, 'host' | 'port'>): string {
  return `watch:${target.host}:${target.port ?? 22}`;
}

/** `user@host:port`: a host as messages name it. */
export function addressOf({
  host,
  port = 22,
  user = 'root',
}: Pick<Target, 'host' | 'port' | 'user'>): string {
  return `${user}@${host.includes(':') ? `[${host}]` : host}:${port}`;
}
