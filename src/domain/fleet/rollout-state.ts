import type { Amount } from './amount.ts';
import type { Wave } from './waves.ts';

/** What stays the same while a fleet is rolled out. Times in milliseconds. */
export interface RolloutPlan {
  readonly waves: readonly Wave[];
  /** What follows a wave that is over, before the next one. */
  readonly pause:
    | { readonly kind: 'none' | 'promote' | 'check' }
    | { readonly kind: 'time'; readonly ms: number };
  readonly slowStartMs: number;
  readonly parkGraceMs: number;
  /** Whether the plan has steps that run on one host of the fleet only. */
  readonly hasOnce: boolean;
}

/** What operators can change while a fleet is rolled out. */
export interface RolloutLimits {
  concurrency: number;
  maxFailures: Amount;
  /** Missing: only the fleet as a whole has a limit. */
  maxWaveFailures?: Amount;
}

/** What the fleet waits for between two waves. */
export type Gate =
  | { readonly kind: 'time'; readonly untilMs: number }
  | { readonly kind: 'promote' }
  /** `failed`: why the check did not succeed in time. */
  | { readonly kind: 'check'; readonly failed?: string };

/** The state of a rollout as JSON. */
export interface RolloutSnapshot extends RolloutLimits {
  /** A letter for each host. */
  readonly states: string;
  /** The latest wave whose hosts may start. */
  readonly wave: number;
  readonly gate?: Gate;
  readonly paused?: true;
  readonly aborting?: 'finish' | 'end';
  /** The host that has done the steps which run once. */
  readonly onceBy?: number;
  /** Hosts to start before all others: they were retried. */
  readonly again?: readonly number[];
  /** When hosts that need attention begin to count as failed. */
  readonly overdueAt?: readonly (readonly [host: number, atMs: number])[];
  /** When the slow start of the wave began. */
  readonly startingSinceMs?: number;
}

/** What to do next. */
export interface NextMoves {
  /** Hosts whose runs start now. They count as running. */
  readonly start: readonly number[];
  /** When to ask again, if nothing happens before. */
  readonly wakeAtMs?: number;
}
