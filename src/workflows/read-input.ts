import type { Activities } from '../activities/activity-types.ts';
import { formatProblems } from '../domain/plan/problems.ts';
import { isRecord } from '../domain/is-record.ts';
import { failureOf, workflowFailure } from './failures.ts';
import { checkInput } from './proxies.ts';
import { whyUnreadable } from './sdk/payload-converter.ts';

/**
 * Checks that the input of a workflow is a readable object.
 *
 * @throws ApplicationFailure invalid-input
 */
export function readInput(input: unknown): Readonly<Record<string, unknown>> {
  const reason = whyUnreadable(input);
  if (reason !== undefined) throw refuseInput(`the input cannot be read: ${reason}`);
  if (!isRecord(input)) throw refuseInput('the input must be an object');
  return input;
}

/** @throws ApplicationFailure invalid-input with every problem */
export async function requireValid(input: Parameters<Activities['checkInput']>[0]): Promise<void> {
  const problems = await checkInput(input);
  if (problems.length > 0) throw refuseInput(formatProblems(problems), { problems });
}

export function refuseInput(message: string, details?: Record<string, unknown>): Error {
  return workflowFailure(failureOf('invalid-input', message), details);
}
