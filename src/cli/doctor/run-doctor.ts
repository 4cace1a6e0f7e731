import { print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { loadPlan, type PlanOptions } from '../input/plan-file.ts';
import { printJson } from '../output/print-json.ts';
import { renderFindings } from './render-findings.ts';
import { colored, plain } from '../output/paint.ts';
import { parseTarget } from '../input/parse-target.ts';
import type { InspectSubject } from './inspect-server.ts';
import { isPlanName } from '../input/target-option.ts';
import { inspectAll, type InspectOptions } from './inspect-all.ts';
import { countFindings, toJson, type Section } from './sections.ts';

export interface DoctorOptions extends InspectOptions, PlanOptions {
  readonly json?: boolean;
}

export async function runDoctor(
  context: CliContext,
  where: string | undefined,
  options: DoctorOptions,
): Promise<number> {
  const subject = await readSubject(context, where, options);
  const { sections, unreachable } = await inspectAll(context, subject, options);
  if (options.json) printJson(context.stdout, toJson(sections));
  else print(context, ...renderFindings(sections, context.color ? colored : plain));
  return exitCodeOf(sections, unreachable);
}

/** Reads a plan, a host, or neither. @throws CliError usage */
async function readSubject(
  context: CliContext,
  where: string | undefined,
  options: PlanOptions,
): Promise<InspectSubject> {
  if (where !== undefined && isPlanName(where)) return { plan: await loadPlan(where, options, context) };
  if (options.set ?? options.envFile)
    throw new CliError(exitCodes.usage, '--set and --env-file are for a plan: give its file, too');
  const words = [...(where === undefined ? [] : [where]), ...(options.target ?? [])];
  return words.length === 0 ? {} : { target: parseTarget(words) };
}

function exitCodeOf(sections: readonly Section[], unreachable: boolean): ExitCode {
  if (unreachable) return exitCodes.unreachable;
  return countFindings(sections).problems > 0 ? exitCodes.failed : exitCodes.provisioned;
}
