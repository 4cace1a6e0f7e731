import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { describeDriftCheck } from '../domain/run/description.ts';
import type { DriftReport } from '../domain/run/drift.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { validatePlan } from '../domain/plan/validate.ts';
import type { checkDrift as checkDriftWorkflow } from '../workflows/index.ts';
import { answerOf, TASK_TIMEOUT_MS } from './await-answer.ts';
import { throwProblems } from './start-run.ts';
import type { AskOptions } from './types.ts';

/** Compares a host with a plan, with a workflow of its own. @throws ChandlerError as {@link answerOf}; invalid-input */
export async function checkDrift(
  temporal: Client,
  taskQueue: string,
  plan: Plan,
  { notify = false, ...options }: AskOptions & { readonly notify?: boolean } = {},
): Promise<DriftReport> {
  throwProblems(validatePlan(plan).problems);
  const asked = await temporal.workflow.start<typeof checkDriftWorkflow>('checkDrift', {
    workflowId: `drift:${randomUUID()}`,
    taskQueue,
    workflowExecutionTimeout: '5m',
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    staticSummary: describeDriftCheck(plan),
    args: [{ plan, notify }],
  });
  return answerOf(asked, asked.result(), options);
}
