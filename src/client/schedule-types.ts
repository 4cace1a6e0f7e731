import type { Plan } from '../domain/plan/schema.ts';
import type { Duration } from '../domain/text/duration.ts';

/** When a schedule checks: in intervals of at least a second (`1h`), or at the times of a cron expression, in UTC (`0 3 * * *`). */
export type DriftTimes =
  | { readonly every: Duration; readonly cron?: never }
  | { readonly cron: string; readonly every?: never };

/** A schedule of the server that checks a host for drift. */
export interface DriftSchedule {
  readonly id: string;
  /** `user@host:port` */
  readonly host: string;
  readonly plan: string;
  /** When it checks: `every 1h`, `cron 0 3 * * *`. */
  readonly times: string;
  readonly paused: boolean;
  /** Why it was paused or resumed. */
  readonly note?: string;
  /** The next check, in milliseconds since the epoch; missing while it is paused. */
  readonly nextAtMs?: number;
  /** The latest check; missing before the first. */
  readonly last?: DriftCheck;
}

/** A check that a schedule has started. */
export interface DriftCheck {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly workflowId: string;
  /** `unknown`: it failed, a step is unknown, or the server no longer keeps it. */
  readonly outcome: 'running' | 'in-order' | 'drifted' | 'unknown';
  /** What it found, in one line. */
  readonly message: string;
}

/** Schedules of the server that check hosts for drift, and notify as the worker is configured. */
export interface DriftSchedules {
  /**
   * Creates a schedule, or replaces the plan and times of the one with this id; a paused one stays paused. The id is
   * `drift:HOST:PORT:PLAN` unless one is given.
   *
   * @throws ChandlerError invalid-input with every problem of the plan, for invalid times, and for the id of a schedule of another
   * kind
   */
  create(
    plan: Plan,
    times: DriftTimes,
    options?: { readonly id?: string },
  ): Promise<{ readonly id: string; readonly created: boolean }>;
  /** Lists the schedules, by id. A new one may be missing for a second. */
  list(): Promise<DriftSchedule[]>;
  /** Stops further checks. @throws ChandlerError invalid-input if there is no such schedule */
  pause(id: string, reason?: string): Promise<void>;
  /** Continues after a pause. @throws ChandlerError as {@link DriftSchedules.pause} */
  resume(id: string, reason?: string): Promise<void>;
  /** Removes a schedule; a check that is running continues. @throws ChandlerError as {@link DriftSchedules.pause} */
  remove(id: string): Promise<void>;
}
