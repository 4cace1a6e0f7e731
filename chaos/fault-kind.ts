import type { Stage, StageHost } from './stage.ts';
import type { WorkerSlot } from './workers.ts';

/** The place where a fault strikes, and its drawn numbers. */
export interface Strike {
  readonly stage: Stage;
  readonly host: StageHost;
  /** The workflow id of the run. */
  readonly run: string;
  /** The worker to strike, preferably one that serves the run. */
  readonly worker: WorkerSlot;
  /** Any number; a fault derives its details from it. */
  readonly salt: number;
}

/** Undoes the fault. */
export type Undo = () => Promise<void>;

/**
 * A kind of fault. `strike` injects it and returns a function that undoes it, or nothing if there was nothing to strike.
 * Only a fault that `kills` may interrupt a launch.
 */
export interface FaultKind {
  readonly name: string;
  readonly weight: number;
  readonly on: 'link' | 'sshd' | 'launch' | 'host' | 'worker' | 'server' | 'run';
  readonly kills?: true;
  /** While it lasts, the host can't keep the output of a step. */
  readonly losesLogs?: true;
  /** While it lasts, no login succeeds: a run may need attention. */
  readonly removesAccess?: true;
  /** How long it lasts, in milliseconds. */
  readonly lasts: readonly [from: number, to: number];
  readonly strike: (strike: Strike) => Promise<Undo | undefined>;
}
