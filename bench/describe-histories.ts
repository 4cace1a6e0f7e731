import type { ChandlerClient } from '../src/client.ts';

/** Describes the histories of a workflow that continued as new: how many there are, and how long the longest is. */
export async function describeHistories({ temporal }: ChandlerClient, workflowId: string): Promise<string> {
  const lengths: number[] = [];
  const kinds: Record<string, number> = {};
  let { runId } = await temporal.workflow.getHandle(workflowId).describe();
  for (;;) {
    const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    lengths.unshift(events?.length ?? 0);
    for (const event of events ?? []) {
      const kind =
        Object.keys(event)
          .find((key) => key.endsWith('EventAttributes'))
          ?.slice(0, -'EventAttributes'.length) ?? '';
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    if (!before) break;
    runId = before;
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const most = Object.entries(kinds)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 8);
  return `histories ${lengths.length}: ${lengths.join(', ')} events, ${total} together: ${most.map(([kind, n]) => `${kind} ${n}`).join(', ')}`;
}
