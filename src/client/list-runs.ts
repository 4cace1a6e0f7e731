import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { findFailedTask } from './failed-task.ts';
import type { RunDescription, RunInfo } from './types.ts';

/** The visibility query for all runs and every execution of each. */
export const RUN_EXECUTIONS = "WorkflowType IN ('provision', 'watchProvisioning')";

/** A run that continued as new is listed once, with its latest execution. */
const EVERY_RUN = `${RUN_EXECUTIONS} AND ExecutionStatus != 'ContinuedAsNew'`;

/** The largest page that the server returns. */
const PAGE = 1000;

/** Lists the runs that match a visibility query, the latest first. An empty query matches every run. */
export async function listRuns(temporal: Client, query: string, limit: number): Promise<RunInfo[]> {
  const runs: RunInfo[] = [];
  const list = temporal.workflow.list({
    query: query === '' ? EVERY_RUN : `${EVERY_RUN} AND (${query})`,
    pageSize: Math.min(limit, PAGE),
  });
  for await (const run of list) {
    runs.push(toRunInfo(run));
    if (runs.length === limit) break;
  }
  return runs;
}

export async function describeRun(temporal: Client, workflowId: string): Promise<RunDescription> {
  const run = await temporal.workflow.getHandle(workflowId).describe();
  const steps = run.memo?.['steps'];
  const failedTask = await findFailedTask(temporal, run);
  return {
    ...toRunInfo(run),
    ...(Array.isArray(steps) && { steps: steps.map(String) }),
    ...(failedTask && { failedTask }),
  };
}

function toRunInfo(run: Omit<WorkflowExecutionInfo, 'raw'>): RunInfo {
  const { workflowId, runId, status, startTime, closeTime, memo, searchAttributes } = run;
  return {
    id: workflowId,
    runId,
    status: status.name,
    phase: String(searchAttributes['ChandlerPhase']?.[0] ?? ''),
    attention: searchAttributes['ChandlerAttention']?.[0] === true,
    ...(status.name === 'RUNNING' &&
      searchAttributes['TemporalPauseInfo'] && { activityPaused: true as const }),
    plan: typeof memo?.['plan'] === 'string' ? memo['plan'] : '',
    startedAtMs: startTime.getTime(),
    ...(closeTime && { endedAtMs: closeTime.getTime() }),
  };
}
