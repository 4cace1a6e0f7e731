import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { describeInspection } from '../domain/run/description.ts';
import { validatePlan, validateWatch } from '../domain/plan/validate.ts';
import type { inspectHost, InspectInput, Inspection } from '../workflows/index.ts';
import { answerOf, TASK_TIMEOUT_MS } from './await-answer.ts';
import type { AskOptions } from './types.ts';
import { throwProblems } from './start-run.ts';

/**
 * Inspects a worker, and through it a host, with a workflow of its own. @throws ChandlerError as {@link answerOf}; invalid-input
 */
export async function inspect(
  temporal: Client,
  taskQueue: string,
  input: InspectInput,
  options: AskOptions = {},
): Promise<Inspection> {
  const { plan, target = plan?.target } = input;
  if (plan) throwProblems(validatePlan(plan).problems);
  else if (target) throwProblems(validateWatch({ target }).problems);
  const asked = await temporal.workflow.start<typeof inspectHost>('inspectHost', {
    workflowId: `inspect:${randomUUID()}`,
    taskQueue,
    workflowExecutionTimeout: '5m',
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    staticSummary: describeInspection(target),
    args: [input],
  });
  return answerOf(asked, asked.result(), options);
}
