import { formatProblems } from '../../domain/problems.ts';
import type { Target } from '../../domain/schema.ts';
import { validateWatch } from '../../domain/validate.ts';
import { print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { printJson } from '../print-json.ts';
import { renderFindings } from '../render/findings.ts';
import { colored, plain } from '../render/paint.ts';
import { readTarget } from '../target-option.ts';
import { examine, type ExamineOptions } from './examine.ts';
import { countFindings, toJson, type Section } from './report.ts';

export interface DoctorOptions extends ExamineOptions {
  readonly target?: readonly string[];
  readonly json?: boolean;
}

/** Looks at everything that a run needs, tells what was found, and answers the exit code. */
export async function runDoctor(
  context: CliContext,
  where: string | undefined,
  options: DoctorOptions,
): Promise<number> {
  const target = parseTarget([...(where === undefined ? [] : [where]), ...(options.target ?? [])]);
  const { sections, unreachable } = await examine(context, target, options);
  if (options.json) printJson(context.stdout, toJson(sections));
  else print(context, ...renderFindings(sections, context.color ? colored : plain));
  return exitCodeOf(sections, unreachable);
}

/** @throws CliError usage */
function parseTarget(words: readonly string[]): Target | undefined {
  if (words.length === 0) return undefined;
  const target = readTarget(words) as Target;
  const { problems } = validateWatch({ target });
  if (problems) throw new CliError(exitCodes.usage, formatProblems(problems));
  return target;
}

function exitCodeOf(sections: readonly Section[], unreachable: boolean): ExitCode {
  if (unreachable) return exitCodes.unreachable;
  return countFindings(sections).problems > 0 ? exitCodes.failed : exitCodes.provisioned;
}
