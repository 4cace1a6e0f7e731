import type { ChandlerClient } from '../client.ts';
import type { RunInfo } from './render/runs.ts';

/** Runs of every kind, as a visibility query. */
const EVERY_RUN = "WorkflowType IN ('provision', 'watchProvisioning')";

/** As many as the engine gives at once without being asked twice. */
const PAGE = 1000;

/** The runs that a visibility query finds, the latest first, at most `most`. An empty query finds all. */
export async function listRuns(client: ChandlerClient, query: string, most: number): Promise<RunInfo[]> {
  const runs: RunInfo[] = [];
  const list = client.temporal.workflow.list({
    query: query === '' ? EVERY_RUN : `${EVERY_RUN} AND (${query})`,
    pageSize: Math.min(most, PAGE),
  });
  for await (const { workflowId, status, startTime, closeTime, memo, searchAttributes } of list) {
    runs.push({
      id: workflowId,
      status: status.name,
      phase: String(searchAttributes['ChandlerPhase']?.[0] ?? ''),
      attention: searchAttributes['ChandlerAttention']?.[0] === true,
      plan: typeof memo?.['plan'] === 'string' ? memo['plan'] : '',
      startedAtMs: startTime.getTime(),
      ...(closeTime && { endedAtMs: closeTime.getTime() }),
    });
    if (runs.length === most) break;
  }
  return runs;
}
