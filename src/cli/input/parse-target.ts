import { formatProblems } from '../../domain/plan/problems.ts';
import type { Target } from '../../domain/plan/schema.ts';
import { validateWatch } from '../../domain/plan/validate.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readTarget } from './target-option.ts';

/** Builds a target from several options over the values of `under`, and validates it. @throws CliError usage */
export function parseTarget(options: readonly string[], under: Partial<Target> = {}): Target {
  const target = readTarget(options, under) as Target;
  const { problems } = validateWatch({ target });
  if (problems) throw new CliError(exitCodes.usage, formatProblems(problems));
  return target;
}
