import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { HostRef } from '../activities/types.ts';
import type { Duration } from '../domain/duration.ts';
import type { Intervention, RunStatus } from '../domain/status.ts';

// Every message takes one object, because the Temporal UI and CLI send one JSON payload.

/** What every message may say beside what it is about. */
export interface WithReason {
  /** Why; kept in the status. At most 1000 characters; the rest is cut. */
  readonly reason?: string;
  /**
   * Makes the message safe to repeat: a run takes the first one with this id, and answers later ones with its status. At
   * most 200 characters; the latest 200 ids are known. One that was refused may come again.
   */
  readonly requestId?: string;
}

/** Which step, or whose finalizer, to run again. */
export interface RetryStep extends WithReason {
  readonly step: string;
  /** Replaces the script of the part that is run. At most 262 144 bytes as JSON. */
  readonly script?: string;
  /**
   * Added to the environment of that part, over the plan's. At most 65 536 bytes as JSON, together with what earlier retries
   * gave it. It is kept in the history: no secrets.
   */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Sets back all that needs this step, too: what of it has run is run again after it, what runs is ended first. Then the
   * step itself may also be one that was done. Only until the finalizers begin.
   */
  readonly resetDownstream?: boolean;
}

/** Which step, or whose finalizer, to treat as done. */
export interface SkipStep extends WithReason {
  readonly step: string;
}

/** Which step to give more time. */
export interface ExtendTimeout extends WithReason {
  readonly step: string;
  /** Added to its timeout, also that of later tries and of its finalizer: `10m`, or milliseconds. */
  readonly by: Duration;
}

export const statusQuery = defineQuery<RunStatus>('status');

/** What a client needs to name a launch of the run and ask for its log. */
export interface LaunchesAnswer {
  readonly owner: string;
  /** Missing until the host was reached. */
  readonly host?: HostRef;
  readonly steps: readonly {
    readonly name: string;
    readonly generation: number;
    readonly finalizerGeneration: number;
    /** References, never values. */
    readonly secrets: Readonly<Record<string, string>>;
  }[];
}
export const launchesQuery = defineQuery<LaunchesAnswer>('launches');

/** One thing a person can do, both ways: an update answers with the new status, or is refused with the reason. */
function message<Input>(name: Intervention['action']) {
  return { name, signal: defineSignal<[Input]>(name), update: defineUpdate<RunStatus, [Input]>(name) };
}
export type Message<Input> = ReturnType<typeof message<Input>>;

export const retryStep = message<RetryStep>('retryStep');
export const skipStep = message<SkipStep>('skipStep');
export const abort = message<WithReason | undefined>('abort');
export const pause = message<WithReason | undefined>('pause');
export const resume = message<WithReason | undefined>('resume');
export const extendTimeout = message<ExtendTimeout>('extendTimeout');
