import type { FailedTask } from '../../client.ts';

/** Two lines: why no worker can continue a run, and what to do. */
export function describeFailedTask({ reason, reset }: FailedTask): string {
  const otherwise =
    reset === undefined
      ? ' If none can, terminate it and start it again: no task of it was ever completed, so it has done nothing.'
      : ` If none can, reset it to its last good task, which repeats nothing on the host, with: ${reset}`;
  return `no worker can continue this run, because its workflow task fails: ${reason}
The server repeats the task, so the run continues once a worker can handle it.${otherwise}`;
}
