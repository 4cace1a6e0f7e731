import {
  LineCounter,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  stringify,
  type Document,
  type Node,
} from 'yaml';
import { messageOf } from '../../domain/run/failure.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import type { PlacedProblem } from '../../domain/plan/problems.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { planWarnings, type PlanWarning } from '../../domain/plan/plan-warnings.ts';
import { validatePlan } from '../../domain/plan/validate.ts';
import { presets } from '../../library/presets.ts';
import { announceOn, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readAll } from './read-all.ts';
import { overrideTarget } from './target-option.ts';

/** Enough for a plan that repeats a block in every step; a bomb needs far more. */
const MAX_ALIASES = 100;

/**
 * Reads a plan from a file; from standard input if the name is `-`; or a preset if it is `preset:NAME`. Prints its warnings.
 *
 * @throws CliError usage with one problem a line
 */
export async function loadPlan(
  file: string,
  targetOptions: readonly string[],
  context: CliContext,
): Promise<Plan> {
  const { plan, warnings = [], problems } = parsePlan(await readPlanText(file, context), targetOptions);
  if (!plan) throw new CliError(exitCodes.usage, renderProblems(shownName(file), problems));
  for (const line of renderWarnings(shownName(file), warnings)) announceOn(context)(line);
  return plan;
}

/** Reads the YAML text of a plan. @throws CliError usage if there is no such file; ChandlerError if there is no such preset */
export async function readPlanText(file: string, context: Pick<CliContext, 'stdin'>): Promise<string> {
  const preset = presetName(file);
  return preset === undefined ? readAll(file, context) : stringify(presets.plan(preset));
}

/** Parses a text of {@link readPlanText} as a plan. @throws CliError usage with one problem a line */
export function judgePlan(file: string, text: string, targetOptions: readonly string[]): Plan {
  const { plan, problems } = parsePlan(text, targetOptions);
  if (plan) return plan;
  throw new CliError(exitCodes.usage, renderProblems(shownName(file), problems));
}

export function shownName(file: string): string {
  return file === '-' ? 'stdin' : file;
}

/** Parses and validates a plan in YAML or JSON (which is YAML). */
export function parsePlan(
  text: string,
  targetOptions: readonly string[] = [],
):
  | { plan: Plan; warnings: PlacedProblem[]; problems?: never }
  | { plan?: never; warnings?: never; problems: PlacedProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => ({
      path: '',
      message: message.replace(/\s*\n\s*/g, ' '),
      line: lines.linePos(pos[0]).line,
    }));
    return { problems };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // Thrown for an alias without its anchor, or for too many aliases.
    return { problems: [{ path: '', message: messageOf(error) }] };
  }
  const { plan, problems } = validatePlan(overrideTarget(value, targetOptions));
  const lineOf = (path: string) => {
    const { offset } = find(document, path);
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  if (plan)
    return { plan, warnings: planWarnings(plan).map((warning) => placeWarning(document, warning, lineOf)) };
  return {
    problems: problems.map((problem) => {
      const line = lineOf(problem.path);
      return line === undefined ? problem : { ...problem, line };
    }),
  };
}

/**
 * Finds the line in the file for a warning about a script. Only a literal block (`|`) keeps its lines; for other texts the
 * message contains the line within the script.
 */
function placeWarning(
  document: Document.Parsed,
  { path, message, scriptLine }: PlanWarning,
  lineOf: (path: string) => number | undefined,
): PlacedProblem {
  const { node } = find(document, path);
  const line = lineOf(path);
  const isBlock = isScalar(node) && node.type === 'BLOCK_LITERAL';
  if (line !== undefined && isBlock) return { path, message, line: line + scriptLine };
  return { path, message: `line ${scriptLine}: ${message}`, ...(line !== undefined && { line }) };
}

/** `plan.yaml:7: warning: steps[1].script: …` */
export function renderWarnings(file: string, warnings: readonly PlacedProblem[]): string[] {
  return warnings.map(({ path, message, line }) =>
    [line === undefined ? file : `${file}:${line}`, 'warning', path, oneLine(message)].join(': '),
  );
}

/** `plan.yaml:7: steps[1].needs[0]: there is no step "x"` */
export function renderProblems(file: string, problems: readonly PlacedProblem[]): string {
  return problems
    .map(({ path, message, line }) =>
      [line === undefined ? file : `${file}:${line}`, ...(path === '' ? [] : [path]), message].join(': '),
    )
    .join('\n');
}

/** Finds the deepest existing part of a path, and where it begins: its key, or the list item. */
function find(
  document: Document.Parsed,
  path: string,
): { readonly node: unknown; readonly offset: number | undefined } {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [, key, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (isMap(node) && key !== undefined) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) return { node: undefined, offset };
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && index !== undefined) {
      node = node.items[Number(index)];
      offset = startOf(node) ?? offset;
    } else return { node: undefined, offset };
  }
  return { node, offset };
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

export function presetName(file: string): string | undefined {
  return /^preset:(.*)$/.exec(file)?.[1];
}
