import type { Client, WorkflowClientInterceptor } from '@temporalio/client';
import { isSdkError } from './sdk-errors.ts';

/** https://docs.temporal.io: WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW */
const CONTINUED_AS_NEW = 6;

/**
 * Returns a client for which a workflow id means the run with `runId`, not the latest; a run that continued as new is followed.
 * Returns the client itself without a run id.
 */
export function pinRun(temporal: Client, workflowId: string, runId: string | undefined): Client {
  if (runId === undefined) return temporal;
  let pinned = runId;
  let begun: Promise<unknown> | undefined;
  const pin = <Input extends { readonly workflowExecution: { workflowId?: string | null } }>(input: Input) =>
    input.workflowExecution.workflowId === workflowId
      ? { ...input, workflowExecution: { workflowId, runId: pinned } }
      : input;
  const interceptor: WorkflowClientInterceptor = {
    async describe(input, next) {
      if (input.workflowExecution.workflowId !== workflowId) return next(input);
      for (;;) {
        const asked = pinned;
        const found = await next(pin(input));
        if (Number(found.workflowExecutionInfo?.status) !== CONTINUED_AS_NEW) return found;
        const following = await nextRunId(temporal, workflowId, asked);
        // Several requests may follow the run at the same time, and another one may be further ahead.
        if (pinned === asked) pinned = following;
      }
    },
    async query(input, next) {
      if (input.workflowExecution.workflowId === workflowId) await (begun ??= findLatest());
      return next(pin(input));
    },
    startUpdate: (input, next) => next(pin(input)),
  };
  const findLatest = () =>
    client.workflow
      .getHandle(workflowId)
      .describe()
      .catch((error: unknown) => {
        // The next query must not fail because this one did.
        begun = undefined;
        throw error;
      });
  // Derived, because the class to make another one would have to be loaded.
  const workflow = Object.create(temporal.workflow, {
    options: { value: { ...temporal.workflow.options, interceptors: [interceptor] } },
  }) as Client['workflow'];
  const client = Object.create(temporal, { workflow: { value: workflow } }) as Client;
  return client;
}

/** The run id of the execution that follows one which continued as new. */
async function nextRunId(temporal: Client, workflowId: string, runId: string): Promise<string> {
  try {
    await temporal.workflow.getHandle(workflowId, runId, { followRuns: false }).result();
  } catch (error) {
    if (isSdkError(error, 'WorkflowExecutionContinuedAsNewError')) return error.newExecutionRunId;
    throw error;
  }
  throw new TypeError(`run ${runId} of ${workflowId} continued as new without naming the next run`);
}
