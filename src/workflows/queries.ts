import { defineQuery, setHandler } from '@temporalio/workflow';
import type { HostRef } from '../activities/activity-types.ts';
import type { RunStatus } from '../domain/run/status.ts';

const statusQuery = defineQuery<RunStatus>('status');

/** Names a launch of the run, so that a client can ask for its log. */
export interface LaunchesAnswer {
  readonly owner: string;
  /** Missing until the run has reached its host. */
  readonly host?: HostRef;
  readonly steps: readonly {
    readonly name: string;
    readonly attempt: number;
    readonly finalizerAttempt: number;
    /** References, never values. */
    readonly secrets: Readonly<Record<string, string>>;
  }[];
}
const launchesQuery = defineQuery<LaunchesAnswer>('launches');

export function answerQueries(status: () => RunStatus, launches: () => LaunchesAnswer): void {
  setHandler(statusQuery, status, { description: 'The status of the run, step by step.' });
  setHandler(launchesQuery, launches, {
    description: 'The launches of the run, for clients that read logs.',
  });
}
