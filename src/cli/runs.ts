import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { ChandlerClient } from '../client.ts';
import type { RunInfo } from './render/runs.ts';

/** Runs of every kind, as a visibility query. */
const EVERY_RUN = "WorkflowType IN ('provision', 'watchProvisioning')";
const DESCRIBED_AT_ONCE = 8;

/** As many as the engine gives at once without being asked twice. */
const PAGE = 1000;

/** The runs that a visibility query finds, the latest first, at most `most`. An empty query finds all. */
export async function listRuns(client: ChandlerClient, query: string, most: number): Promise<RunInfo[]> {
  const runs: RunInfo[] = [];
  const list = client.temporal.workflow.list({
    query: query === '' ? EVERY_RUN : `${EVERY_RUN} AND (${query})`,
    pageSize: Math.min(most, PAGE),
  });
  for await (const run of list) {
    runs.push(toRunInfo(run));
    if (runs.length === most) break;
  }
  return runs;
}

/** Runs by their ids, a few at a time. @throws WorkflowNotFoundError for an id that no run has */
export async function describeRuns(client: ChandlerClient, ids: readonly string[]): Promise<RunInfo[]> {
  const runs: RunInfo[] = [];
  for (let at = 0; at < ids.length; at += DESCRIBED_AT_ONCE) {
    const some = ids.slice(at, at + DESCRIBED_AT_ONCE);
    runs.push(
      ...(await Promise.all(
        some.map(async (id) => toRunInfo(await client.temporal.workflow.getHandle(id).describe())),
      )),
    );
  }
  return runs;
}

/** The visibility query that `--fleet` and `--query` mean together; empty if neither is given. */
export function toQuery({ fleet, query }: { readonly fleet?: string; readonly query?: string }): string {
  return [
    ...(fleet === undefined ? [] : [`ChandlerFleet = ${literal(fleet)}`]),
    ...(query === undefined || query.trim() === '' ? [] : [`(${query})`]),
  ].join(' AND ');
}

/** A text in a visibility query. */
function literal(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

function toRunInfo(run: Omit<WorkflowExecutionInfo, 'raw'>): RunInfo {
  const { workflowId, status, startTime, closeTime, memo, searchAttributes } = run;
  return {
    id: workflowId,
    status: status.name,
    phase: String(searchAttributes['ChandlerPhase']?.[0] ?? ''),
    attention: searchAttributes['ChandlerAttention']?.[0] === true,
    plan: typeof memo?.['plan'] === 'string' ? memo['plan'] : '',
    startedAtMs: startTime.getTime(),
    ...(closeTime && { endedAtMs: closeTime.getTime() }),
  };
}
