import { isOpenStatus } from '../../src/domain/run/execution-status.ts';
import { millisOf, readPayload, type Payloads } from '../evidence.ts';
import { again, type Setting } from '../run.ts';
import type { RawEvent } from './fleet-events.ts';

/** An execution of a workflow, with what its first event has. */
export interface Execution {
  readonly workflowId: string;
  readonly runId: string;
  /** The same after a reset, and when it continued as new. */
  readonly firstRunId: string;
  readonly begunMs: number;
  readonly endedMs: number;
  readonly isTerminated: boolean;
  /** The execution of the fleet that has started it. */
  readonly parentRunId: string | undefined;
  /** The names of the steps of its plan, if it is a run. */
  readonly steps: readonly string[];
  readonly history: readonly RawEvent[];
}

/** The executions of a workflow id that began after a time, by that time. */
export async function readExecutions(
  { stage, signal }: Setting,
  workflowId: string,
  sinceMs: number,
): Promise<Execution[]> {
  const { workflow } = stage.client.temporal;
  const runIds = await again(signal, async () => {
    const found = new Map<string, number>();
    for await (const { runId, startTime } of workflow.list({ query: `WorkflowId = '${workflowId}'` }))
      found.set(runId, startTime.getTime());
    const latest = await describe(workflow, workflowId);
    // The list of the server may lag behind.
    if (latest && !found.has(latest.runId))
      throw new Error(`${workflowId} ${latest.runId} is not listed yet`);
    return [...found].filter(([, atMs]) => atMs >= sinceMs).sort(([, a], [, b]) => a - b);
  });
  const executions: Execution[] = [];
  for (const [runId, begunMs] of runIds) {
    const { events } = await again(signal, () => workflow.getHandle(workflowId, runId).fetchHistory());
    const begun = events?.[0]?.workflowExecutionStartedEventAttributes;
    const end = events?.at(-1);
    executions.push({
      workflowId,
      runId,
      firstRunId: begun?.firstExecutionRunId ?? runId,
      begunMs,
      endedMs: millisOf(end?.eventTime),
      isTerminated: Boolean(end?.workflowExecutionTerminatedEventAttributes),
      parentRunId: begun?.parentWorkflowExecution?.runId ?? undefined,
      steps: stepsOf(begun?.input),
      history: events ?? [],
    });
  }
  return executions;
}

function stepsOf(input: Payloads | null | undefined): string[] {
  const { steps = [] } = (readPayload(input) ?? {}) as {
    readonly steps?: readonly { readonly name: string }[];
  };
  return steps.map(({ name }) => name);
}

type Workflows = Setting['stage']['client']['temporal']['workflow'];

/** What the server knows about the latest execution; undefined if there was none. */
async function describe(workflow: Workflows, workflowId: string) {
  try {
    return await workflow.getHandle(workflowId).describe();
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') return undefined;
    throw error;
  }
}

/** Whether the latest execution is open. */
export async function isOpen({ stage, signal }: Setting, workflowId: string): Promise<boolean> {
  const found = await again(signal, () => describe(stage.client.temporal.workflow, workflowId));
  return found !== undefined && isOpenStatus(found.status.name);
}
