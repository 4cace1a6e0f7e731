import { isRecord } from '../../domain/is-record.ts';
import { planWarnings, type PlanWarning } from '../../domain/plan/plan-warnings.ts';
import type { PlacedProblem, Problem } from '../../domain/plan/problems.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { validatePlan } from '../../domain/plan/validate.ts';
import { findSecret, layerValues, misspellingIn } from '../../domain/plan/values.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { inlineFiles } from './inline-files.ts';
import { mergeFiles, type MergedPlan } from './merge-files.ts';
import { parseYaml } from './parse-yaml.ts';
import { placeIn, readFiles, shownName } from './read-files.ts';
import { readValues, type GivenValue, type ValueOptions } from './read-values.ts';
import { overrideRun, type RunOptions } from './run-options.ts';
import { overrideTarget } from './target-option.ts';

/** The options of a command that reads a plan with a target. */
export interface PlanOptions extends ValueOptions {
  readonly target?: readonly string[];
}

/** The content of a plan's files and options, not validated yet. */
export type PlanSource =
  | { readonly merged: MergedPlan; readonly given: readonly GivenValue[]; readonly problems?: never }
  | { readonly merged?: never; readonly problems: readonly PlacedProblem[] };

/** A valid plan and its warnings, or every problem. */
export type JudgedPlan =
  | { readonly plan: Plan; readonly warnings: PlacedProblem[]; readonly problems?: never }
  | { readonly plan?: never; readonly warnings?: never; readonly problems: readonly PlacedProblem[] };

/** Reads and validates a plan, see {@link readPlan}. Prints its warnings. @throws CliError usage with one problem a line */
export async function loadPlan(
  file: string,
  options: PlanOptions & RunOptions,
  context: CliContext,
): Promise<Plan> {
  const judged = judgePlan(await readPlan(file, options, context), options.target, options);
  for (const line of renderWarnings(shownName(file), judged.warnings ?? [])) announceOn(context)(line);
  return requirePlan(file, judged);
}

/**
 * Reads the files of a plan and the values for it. `file` is a path, `-` for standard input, or `preset:NAME`.
 *
 * @throws CliError usage if there is no such file; ChandlerError if there is no such preset
 */
export async function readPlan(
  file: string,
  options: ValueOptions,
  context: Pick<CliContext, 'stdin'>,
): Promise<PlanSource> {
  const { files, problems: unreadable = [] } = await readFiles(file, context);
  const { given, problems: wrong } = await readValues(options, context);
  const problems = [...unreadable, ...wrong];
  return files && problems.length === 0
    ? { merged: await inlineFiles(mergeFiles(files)), given }
    : { problems };
}

/** What an inventory has for one host. Its values are weaker than those of the command line. */
export interface HostOverrides {
  readonly target: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly given: readonly GivenValue[];
}

/** Returns a plan, of any shape, whose target, run and values are those of the options. `given` comes from the weakest to the strongest. */
export function applyOptions(
  plan: unknown,
  given: readonly GivenValue[],
  targetOptions: readonly string[] = [],
  runOptions: RunOptions = {},
): unknown {
  const layers = given.map(({ name, value }) => ({ [name]: value }));
  return overrideRun(layerValues(overrideTarget(plan, targetOptions), ...layers), runOptions);
}

/** Validates a plan whose target and run have the values of the options. */
export function judgePlan(
  source: PlanSource,
  targetOptions: readonly string[] = [],
  runOptions: RunOptions = {},
  host?: HostOverrides,
): JudgedPlan {
  if (!source.merged) return { problems: source.problems };
  const { merged } = source;
  const given = [...(host?.given ?? []), ...source.given];
  const layered = applyOptions(withHost(merged.value, host), given, targetOptions, runOptions);
  const { plan, problems: found = [] } = validatePlan(layered);
  const place = (problem: Problem) => {
    const { file, path } = merged.originOf(problem.path);
    return placeIn(file, { ...problem, path });
  };
  const shared = new Set(merged.problems.map(({ path }) => path));
  const problems = [
    ...secretProblems(layered, given),
    ...merged.problems.map(place),
    ...found.filter(({ path }) => !shared.has(path)).map(place),
  ];
  if (!plan || problems.length > 0) return { problems };
  const warnings = planWarnings(plan).map((warning) => placeWarning(merged, warning));
  return { plan, warnings: [...misspellingWarnings(merged.value as Plan, source.given), ...warnings] };
}

/** Sets what an inventory has for a host. A plan of another shape is reported by the validation. */
function withHost(plan: unknown, host: HostOverrides | undefined): unknown {
  if (!host || !isRecord(plan)) return plan;
  const { target, labels = {} } = plan;
  return {
    ...plan,
    ...((target === undefined || isRecord(target)) && { target: { ...target, ...host.target } }),
    ...(isRecord(labels) && Object.keys(host.labels).length > 0 && { labels: { ...labels, ...host.labels } }),
  };
}

/** Returns the plan. @throws CliError usage with one problem a line */
export function requirePlan(file: string, { plan, problems }: JudgedPlan): Plan {
  if (plan) return plan;
  throw new CliError(exitCodes.usage, renderProblems(shownName(file), problems));
}

/** Parses and validates a text that includes no files. */
export function parsePlan(text: string, targetOptions: readonly string[] = []): JudgedPlan {
  const { yaml, problems } = parseYaml(text);
  return judgePlan(
    yaml ? { merged: mergeFiles([{ chain: [''], yaml }]), given: [] } : { problems },
    targetOptions,
  );
}

function misspellingWarnings(planAsWritten: Plan, given: readonly GivenValue[]): PlacedProblem[] {
  const misspelling = misspellingIn(planAsWritten);
  return given.flatMap(({ name, place }) => {
    const message = misspelling(name);
    return message === undefined ? [] : [{ ...place, message }];
  });
}

/** A value of the command line becomes a part of the plan, which the server stores. */
function secretProblems(plan: unknown, given: readonly GivenValue[]): PlacedProblem[] {
  const latest = new Map(given.map((value) => [value.name, value.place]));
  return [...latest].flatMap(([name, place]) => {
    const secret = findSecret(plan, name);
    if (!secret) return [];
    const message = `is a secret of the step "${secret.step}", and a value set here would be stored in the workflow history: change the secret that the worker looks up as ${secret.reference}`;
    return [{ ...place, message }];
  });
}

/**
 * Finds the line in the file for a warning about a script. Only a literal block (`|`) keeps its lines; for other texts the
 * message contains the line within the script.
 */
function placeWarning(
  { originOf }: MergedPlan,
  { path: whole, message, scriptLine }: PlanWarning,
): PlacedProblem {
  const { file, path } = originOf(whole);
  if (scriptLine === undefined) return placeIn(file, { path, message });
  const { line, isBlock } = file.yaml.placeOf(path);
  return line !== undefined && isBlock
    ? { ...placeIn(file, { path, message }), line: line + scriptLine }
    : placeIn(file, { path, message: `line ${scriptLine}: ${message}` });
}

/** `plan.yaml:7: warning: steps[1].script: …` */
export function renderWarnings(file: string, warnings: readonly PlacedProblem[]): string[] {
  return warnings.map((warning) =>
    [renderPlace(file, warning), 'warning', warning.path, oneLine(warning.message)].join(': '),
  );
}

/** `plan.yaml:7: steps[1].needs[0]: there is no step "x"` */
export function renderProblems(file: string, problems: readonly PlacedProblem[]): string {
  return problems
    .map((problem) =>
      [renderPlace(file, problem), ...(problem.path === '' ? [] : [problem.path]), problem.message].join(
        ': ',
      ),
    )
    .join('\n');
}

function renderPlace(plan: string, { file = plan, line }: PlacedProblem): string {
  return line === undefined ? file : `${file}:${line}`;
}
