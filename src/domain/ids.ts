import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** One execution of one step, or of its finalizer. */
export interface Launch {
  readonly id: string;
  readonly step: string;
  readonly kind: 'step' | 'finalizer';
  /** 1, 2, … grows with each retry. */
  readonly generation: number;
}

/**
 * Names a launch. The first execution's run id stays the same over continue-as-new and reset and is new for each
 * new run, so a repeated order to launch means the same launch, and a new run never meets an old one.
 */
export function makeLaunch(
  firstRunId: string,
  step: string,
  kind: Launch['kind'],
  generation: number,
): Launch {
  const id = bytesToHex(sha256(utf8ToBytes(JSON.stringify([firstRunId, step, kind, generation])))).slice(
    0,
    20,
  );
  return { id, step, kind, generation };
}

/** The zmx session of a launch: `px-egress`, then `px-egress.2`, …. A finalizer has none. */
export function sessionName(launch: Launch): string | undefined {
  if (launch.kind === 'finalizer') return undefined;
  return launch.generation === 1 ? launch.step : `${launch.step}.${launch.generation}`;
}

/** The workflow id of a host, so that the engine itself refuses a second run on it. */
export function defaultWorkflowId(target: { host: string; port?: number | undefined }): string {
  return `provision:${target.host}:${target.port ?? 22}`;
}
