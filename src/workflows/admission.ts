import { setCurrentDetails } from '@temporalio/workflow';
import type { Admission } from '../activities/types.ts';
import { boundedText } from '../domain/bounded-text.ts';
import { renderMarkdown } from '../domain/markdown.ts';
import type { Plan } from '../domain/schema.ts';
import { formatProblems } from '../domain/problems.ts';
import { describeEvent } from '../domain/notification.ts';
import type { RunStatus } from '../domain/status.ts';
import { failureOf, workflowFailure } from './failures.ts';
import { answerQueries } from './handlers.ts';
import { addressOfRun, handOver } from './notify.ts';
import { whyUnreadable } from './payload-converter.ts';
import { newStatus } from './run.ts';

/**
 * Lets an input in or fails with `invalid-input`. Queries are answered meanwhile: the engine hands them over while a
 * local activity is under way.
 */
export async function admit(input: unknown, judge: () => Promise<Admission>): Promise<Admission> {
  const status = statusOfInput(input);
  answerQueries(
    () => status,
    () => {
      throw new TypeError('nothing was launched yet: the input is being validated');
    },
  );
  setCurrentDetails(renderMarkdown(status));
  const refuse = (message: string, details?: Record<string, unknown>) => {
    status.phase = 'failed';
    status.endedAtMs = Date.now();
    status.failure = failureOf('invalid-input', message);
    setCurrentDetails(renderMarkdown(status));
    return workflowFailure(status.failure, details);
  };
  const unreadable = whyUnreadable(input);
  if (unreadable !== undefined) throw refuse(`the input cannot be read: ${unreadable}`);
  const admission = await judge();
  const { problems, notify } = admission;
  if (problems.length === 0) return admission;
  const refusal = refuse(formatProblems(problems), { problems });
  if (notify?.events.includes('failed'))
    await handOver(describeEvent('failed', status, addressOfRun()), notify);
  throw refusal;
}

/** Characters, and steps: more of it than a good plan has need not be shown, and would not fit into what people are told. */
const MAX_SHOWN_LENGTH = 300;
const MAX_SHOWN_STEPS = 64;

/** What can be shown of an input that may be anything. */
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
