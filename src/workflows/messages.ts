import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { HostRef } from '../activities/types.ts';
import type { RunStatus } from '../domain/status.ts';

// Every message takes one object, because the Temporal UI and CLI send one JSON payload.

/** Which step, or whose finalizer, to run again. */
export interface RetryStep {
  readonly step: string;
  /** Replaces the script of the part that is parked. At most 262 144 bytes as JSON. */
  readonly script?: string;
}

/** Which step, or whose finalizer, to treat as done. */
export interface SkipStep {
  readonly step: string;
  /** Kept in the status. At most 1000 characters; the rest is cut. */
  readonly reason?: string;
}

/** Why somebody acts on a run. */
export interface WithReason {
  /** Kept in the status. At most 1000 characters; the rest is cut. */
  readonly reason?: string;
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
function message<Input>(name: string) {
  return { name, signal: defineSignal<[Input]>(name), update: defineUpdate<RunStatus, [Input]>(name) };
}
export type Message<Input> = ReturnType<typeof message<Input>>;

export const retryStep = message<RetryStep>('retryStep');
export const skipStep = message<SkipStep>('skipStep');
export const abort = message<WithReason | undefined>('abort');
export const pause = message<WithReason | undefined>('pause');
export const resume = message<WithReason | undefined>('resume');
