import type { Client } from '@temporalio/client';
import { describePlan, describeWatch, type Description } from '../domain/run/description.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { defaultWatchId, defaultWorkflowId } from '../domain/run/ids.ts';
import { formatProblems, type Problem } from '../domain/plan/problems.ts';
import type { Plan, WatchInput } from '../domain/plan/schema.ts';
import { validatePlan, validateWatch } from '../domain/plan/validate.ts';
import { quote } from '../shell/index.ts';
import { isSdkError } from './sdk-errors.ts';

type Begun = Promise<{ workflowId: string; runId: string }>;

/** @throws ChandlerError invalid-input, lease-held */
export async function beginProvision(
  temporal: Client,
  taskQueue: string,
  plan: Plan,
  wantedId: string | undefined,
): Begun {
  throwProblems(validatePlan(plan).problems);
  const workflowId = wantedId ?? defaultWorkflowId(plan.target);
  return begin(temporal, 'provision', plan, {
    workflowId,
    taskQueue,
    shown: describePlan(plan, quote(workflowId)),
    memo: { plan: plan.name ?? '', steps: plan.steps.map((step) => step.name) },
  });
}

/** @throws ChandlerError invalid-input, lease-held */
export async function beginWatch(
  temporal: Client,
  taskQueue: string,
  input: WatchInput,
  wantedId: string | undefined,
): Begun {
  throwProblems(validateWatch(input).problems);
  const workflowId = wantedId ?? defaultWatchId(input.target);
  return begin(temporal, 'watchProvisioning', input, {
    workflowId,
    taskQueue,
    shown: describeWatch(input.target, quote(workflowId)),
    memo: { plan: '' },
  });
}

/** @throws ChandlerError invalid-input with every problem, if there is one */
export function throwProblems(problems: readonly Problem[] | undefined): void {
  if (problems) throw new ChandlerError('invalid-input', formatProblems(problems), { facts: { problems } });
}

async function begin(
  temporal: Client,
  workflowType: string,
  input: Plan | WatchInput,
  options: {
    readonly workflowId: string;
    readonly taskQueue: string;
    readonly shown: Description;
    /** What the list of runs shows without asking the run, besides host, fleet and labels. */
    readonly memo: Readonly<Record<string, unknown>>;
  },
): Begun {
  const { workflowId, taskQueue, shown, memo } = options;
  const { target, fleet, labels } = input;
  try {
    const started = await temporal.workflow.start(workflowType, {
      workflowId,
      taskQueue,
      args: [input],
      staticSummary: shown.summary,
      staticDetails: shown.details,
      memo: { host: target.host, ...memo, ...(fleet !== undefined && { fleet }), ...(labels && { labels }) },
    });
    return { workflowId, runId: started.firstExecutionRunId };
  } catch (error) {
    if (!isSdkError(error, 'WorkflowExecutionAlreadyStartedError')) throw error;
    throw new ChandlerError('lease-held', `a run with the id ${workflowId} is at work already`, {
      cause: error,
      facts: { advice: `Follow it with: chandler watch ${quote(workflowId)}` },
    });
  }
}
