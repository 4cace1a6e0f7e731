import { boundedText } from '../domain/bounded-text.ts';
import type { Problem } from '../domain/problems.ts';

/** Far more than a person reads, far less than the engine's limit of a failure. */
const MAX_PROBLEMS = 200;
const MAX_TEXT_LENGTH = 500;

/** The problems as a failure can carry them: the rest of a long list is counted, a long text is cut. */
export function boundedProblems(problems: readonly Problem[]): Problem[] {
  const listed = problems.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({
    path: boundedText(path, MAX_TEXT_LENGTH),
    message: boundedText(message, MAX_TEXT_LENGTH),
  }));
  const rest = problems.length - listed.length;
  return rest === 0 ? listed : [...listed, { path: '', message: `… and ${rest} more problems` }];
}
