import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import type { HostInspection } from '../activities/activity-types.ts';
import { ChandlerError } from '../domain/run/failure.ts';
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

/** The inspected host. @throws ChandlerError why it could not be inspected */
export function inspectedHost({ host }: Inspection): HostInspection {
  if (!host) throw new ChandlerError('internal-error', 'the worker did not inspect the host');
  if (!('failure' in host)) return host;
  const { code, message, advice } = host.failure;
  throw new ChandlerError(code, message, { facts: { advice } });
}
