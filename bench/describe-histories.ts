import type { ChandlerClient } from '../src/client.ts';

/** Describes the histories of a fleet that continued as new: how many there are, their lengths, and when the first run was ordered. */
export async function describeHistories({ temporal }: ChandlerClient, workflowId: string): Promise<string> {
  const lengths: number[] = [];
  const kinds: Record<string, number> = {};
  let firstChildMs = NaN;
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
    const child = events?.find((event) => event.startChildWorkflowExecutionInitiatedEventAttributes);
    if (child) firstChildMs = timeOf(child) - timeOf(events?.[0]);
    const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    if (!before) break;
    runId = before;
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const most = Object.entries(kinds)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 8);
  return `first run ordered ${firstChildMs} ms after the fleet\nhistories ${lengths.length}: ${lengths.join(', ')} events, ${total} together: ${most.map(([kind, n]) => `${kind} ${n}`).join(', ')}`;
}

function timeOf(event: { readonly eventTime?: unknown } | undefined): number {
  const { seconds = NaN, nanos = 0 } = (event?.eventTime ?? {}) as { seconds?: unknown; nanos?: number };
  return Number(seconds) * 1000 + Math.round(nanos / 1e6);
}
