import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { describeClean } from '../domain/run/description.ts';
import { isOwnedBy, type CleanResult } from '../domain/run/leftovers.ts';
import { validateWatch } from '../domain/plan/validate.ts';
import type { cleanHost, CleanInput } from '../workflows/index.ts';
import type { LaunchesAnswer } from '../workflows/queries.ts';
import { answerOf, TASK_TIMEOUT_MS } from './await-answer.ts';
import { askRun } from './ask-run.ts';
import { throwProblems } from './start-run.ts';
import { inspect, inspectedHost } from './inspect.ts';
import type { AskOptions, RunLeftovers } from './types.ts';

/** Finds the launches of a run that are alive on its host. @throws ChandlerError no-worker, or why the host could not be inspected */
export async function findLeftovers(
  temporal: Client,
  taskQueue: string,
  workflowId: string,
  signal?: AbortSignal,
): Promise<RunLeftovers> {
  const { host, owner } = await askRun<LaunchesAnswer>(temporal, workflowId, 'launches');
  if (!host) return { leftovers: [] };
  const { target } = host;
  const found = inspectedHost(await inspect(temporal, taskQueue, { target }, { signal }));
  return { target, leftovers: found.leftovers.filter((leftover) => isOwnedBy(leftover, owner)) };
}

/**
 * Ends what earlier runs left on a host, with a workflow of its own. @throws ChandlerError as {@link answerOf}; invalid-input,
 * lease-held
 */
export async function clean(
  temporal: Client,
  taskQueue: string,
  input: CleanInput,
  options?: AskOptions,
): Promise<CleanResult> {
  throwProblems(validateWatch({ target: input.target }).problems);
  const asked = await temporal.workflow.start<typeof cleanHost>('cleanHost', {
    workflowId: `clean:${randomUUID()}`,
    taskQueue,
    workflowExecutionTimeout: '5m',
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    staticSummary: describeClean(input.target),
    args: [input],
  });
  return answerOf(asked, asked.result(), options);
}
