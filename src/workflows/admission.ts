import { setCurrentDetails } from '@temporalio/workflow';
import type { Admission } from '../activities/activity-types.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { renderStatusMarkdown } from '../domain/run/status-markdown.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { formatProblems } from '../domain/plan/problems.ts';
import { describeEvent } from '../domain/run/notification.ts';
import type { RunStatus } from '../domain/run/status.ts';
import { failureOf, workflowFailure } from './failures.ts';
import { answerQueries } from './queries.ts';
import { addressOfRun, handOver } from '../notify/workflow/notifier.ts';
import { whyUnreadable } from './sdk/payload-converter.ts';
import { newStatus } from './run.ts';

/**
 * Validates an input, or fails with `invalid-input`. A local activity validates, because queries are still answered while one
 * runs.
 */
export async function admit(input: unknown, validate: () => Promise<Admission>): Promise<Admission> {
  const status = statusOfInput(input);
  answerQueries(
    () => status,
    () => {
      throw new TypeError('nothing was launched yet: the input is being validated');
    },
  );
  setCurrentDetails(renderStatusMarkdown(status));
  const refuse = (message: string, details?: Record<string, unknown>) => {
    status.phase = 'failed';
    status.endedAtMs = Date.now();
    status.failure = failureOf('invalid-input', message);
    setCurrentDetails(renderStatusMarkdown(status));
    return workflowFailure(status.failure, details);
  };
  const unreadable = whyUnreadable(input);
  if (unreadable !== undefined) throw refuse(`the input cannot be read: ${unreadable}`);
  const admission = await validate();
  const { problems, notify } = admission;
  if (problems.length === 0) return admission;
  const refusal = refuse(formatProblems(problems), { problems });
  if (notify?.events.includes('failed'))
    await handOver(describeEvent('failed', status, addressOfRun()), notify);
  throw refusal;
}

/** Bounds for an invalid input: characters, and steps. A valid plan has no more, and more would not fit into a notification. */
const MAX_SHOWN_LENGTH = 300;
const MAX_SHOWN_STEPS = 64;

/** Builds a status from an input of any shape, using the fields that have the right type. */
function statusOfInput(input: unknown): RunStatus {
  const { name, target, steps } = Object(input) as Partial<Plan>;
  const { host } = Object(target) as Partial<Plan['target']>;
  const shown = (Array.isArray(steps) ? steps : []).slice(0, MAX_SHOWN_STEPS).map((step: unknown, i) => {
    const { name, finalize } = Object(step) as Partial<Plan['steps'][number]>;
    return { name: textOr(name, `steps[${i}]`), finalize };
  });
  return newStatus('validating', { plan: textOr(name, ''), host: textOr(host, ''), steps: shown });
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? boundedText(value, MAX_SHOWN_LENGTH) : otherwise;
}
