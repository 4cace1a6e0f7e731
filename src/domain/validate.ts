import type { z } from 'zod';
import type { Problem } from './problems.ts';
import { limits, planSchema, watchSchema, type Plan } from './schema.ts';
import { readGraph, stepProblems } from './step-graph.ts';

/**
 * Checks anything that claims to be a plan. Every problem is listed; none means `plan` is there: what was given, as it is,
 * without defaults filled in. Never throws.
 *
 * Go: there was no such check; names and scripts were taken as they came.
 */
export function validatePlan(
  input: unknown,
): { plan: Plan; problems?: never } | { plan?: never; problems: Problem[] } {
  const unfit = unfitness(input);
  if (unfit !== undefined) return { problems: [{ path: '', message: unfit }] };
  const result = planSchema.safeParse(firstSteps(input), { error: plainWords });
  const graph = readGraph(input);
  const found = [
    ...(result.error?.issues.flatMap(toProblems) ?? []),
    // Too many steps are a problem of their own, and following them could take more than the stack holds.
    ...(graph.length > limits.steps ? [] : stepProblems(graph)).map(({ path, message }) => ({
      path: formatPath(['steps', ...path]),
      message,
    })),
  ];
  // What is wrong with a value in several ways is told in the first.
  const problems = [
    ...new Map(found.toReversed().map((problem) => [problem.path, problem])).values(),
  ].toReversed();
  return problems.length === 0 ? { plan: input as Plan } : { problems };
}

/** Checks anything that claims to be the input of a watch; as {@link validatePlan}. */
export function validateWatch(input: unknown): { problems?: Problem[] } {
  const unfit = unfitness(input);
  if (unfit !== undefined) return { problems: [{ path: '', message: unfit }] };
  const result = watchSchema.safeParse(input, { error: plainWords });
  return result.error ? { problems: result.error.issues.flatMap(toProblems) } : {};
}

/** Why something can't even be looked at as a plan. */
function unfitness(input: unknown): string | undefined {
  let text: string;
  // JSON can hold a key that zod does not look at, so that nobody would check what is under it.
  let proto = false;
  try {
    text =
      JSON.stringify(input, (_, value: unknown) => {
        proto ||= typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__');
        return value;
      }) ?? '';
  } catch (error) {
    return `the plan cannot be written as JSON: ${String(error).split('\n')[0]}`;
  }
  const size = new TextEncoder().encode(text).length;
  if (size > limits.planBytes) return `the plan is ${size} bytes; at most ${limits.planBytes} are allowed`;
  return proto ? 'the plan must not hold the key __proto__' : undefined;
}

/** Of far too many steps only so many that it shows: looking at all of them takes long. */
function firstSteps(input: unknown): unknown {
  const steps = (input as { steps?: unknown } | null | undefined)?.steps;
  if (!Array.isArray(steps) || steps.length <= limits.steps) return input;
  return { ...(input as object), steps: steps.slice(0, limits.steps + 1) };
}

function toProblems(issue: { code?: string; path: PropertyKey[]; message: string }): Problem[] {
  if (issue.code === 'unrecognized_keys' && 'keys' in issue) {
    return (issue.keys as string[]).map((key) => ({
      path: formatPath([...issue.path, key]),
      message: 'is not a known key',
    }));
  }
  if (issue.code === 'invalid_key' && 'issues' in issue) {
    const [first] = issue.issues as { message: string }[];
    return [{ path: formatPath(issue.path), message: first?.message ?? issue.message }];
  }
  const subject = issue.path.length === 0 ? 'the plan ' : '';
  return [{ path: formatPath(issue.path), message: `${subject}${issue.message}` }];
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  int: 'a whole number',
  number: 'a number',
};

/** What zod found, in words for whoever writes plans and settings; nothing where the schema has words of its own. */
export function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `must hold at most ${issue.maximum} entries`;
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : ''}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    default:
      return undefined;
  }
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`,
    '',
  );
}
