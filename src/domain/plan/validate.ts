import * as z from 'zod';
import { editDistance } from '../text/edit-distance.ts';
import { recordOf } from '../is-record.ts';
import { fileProblems } from './files.ts';
import type { Problem } from './problems.ts';
import { limits } from './limits.ts';
import { includedSchema, includeSchema, planSchema, watchSchema, type Plan } from './schema.ts';
import { readGraph, runProblems, stepProblems } from './step-graph.ts';
import { valueProblems } from './values.ts';

/**
 * Validates a value of any shape as a plan. Returns either every problem or the plan itself, without defaults filled in. Never
 * throws.
 */
export function validatePlan(
  input: unknown,
): { plan: Plan; problems?: never } | { plan?: never; problems: Problem[] } {
  const unreadable = unreadableReason(input);
  if (unreadable !== undefined) return { problems: [{ path: '', message: unreadable }] };
  const result = planSchema.safeParse(firstSteps(input), { error: issueMessage });
  const graph = readGraph(input);
  const found = [
    ...(result.error?.issues.flatMap((issue) => toProblems(issue, planSchema)).map(withoutKeys) ?? []),
    // Too many steps are a problem already, and following their needs could overflow the stack.
    ...(graph.length > limits.steps ? [] : stepProblems(graph)).map(({ path, message }) => ({
      path: formatPath(['steps', ...path]),
      message,
    })),
    ...runProblems(input, graph).map(({ path, message }) => ({ path: formatPath(path), message })),
    ...fileProblems(input),
    ...valueProblems(input),
    ...includeProblems(input),
  ];
  // Only the first of several problems at one path is reported.
  const problems = [
    ...new Map(found.toReversed().map((problem) => [problem.path, problem])).values(),
  ].toReversed();
  return problems.length === 0 ? { plan: input as Plan } : { problems };
}

/** Validates a value of any shape as the input of `watchProvisioning`, like {@link validatePlan}. */
export function validateWatch(input: unknown): { problems?: Problem[] } {
  return validateWith(watchSchema, input);
}

/** Validates a file that a plan includes, except for what is validated with the plan. */
export function validateIncluded(input: unknown): { problems?: Problem[] } {
  return validateWith(includedSchema, input);
}

function validateWith(schema: z.ZodType, input: unknown): { problems?: Problem[] } {
  const unreadable = unreadableReason(input);
  if (unreadable !== undefined) return { problems: [{ path: '', message: unreadable }] };
  const { problems } = problemsWith(schema, input);
  return problems ? { problems: problems.map(withoutKeys) } : {};
}

/** A problem, and its path as a list of keys. */
interface KeyedProblem extends Problem {
  readonly keys: readonly string[];
}

function withoutKeys({ path, message }: Problem): Problem {
  return { path, message };
}

/** Finds the problems of a value with a schema. `whole` is the value's name in messages. */
export function problemsWith(
  schema: z.ZodType,
  input: unknown,
  whole = 'the plan',
): { problems?: KeyedProblem[] } {
  const { error } = schema.safeParse(input, { error: issueMessage });
  return error ? { problems: error.issues.flatMap((issue) => toProblems(issue, schema, whole)) } : {};
}

/** Why a value can't be validated at all. `whole` is its name in messages. */
export function unreadableReason(
  input: unknown,
  { whole = 'the plan', maxBytes = limits.planBytes }: { whole?: string; maxBytes?: number } = {},
): string | undefined {
  let text: string;
  // zod ignores a key named `__proto__`, so its value would not be validated.
  let proto = false;
  try {
    text =
      JSON.stringify(input, (_, value: unknown) => {
        proto ||= typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__');
        return value;
      }) ?? '';
  } catch (error) {
    return `${whole} cannot be written as JSON: ${String(error).split('\n')[0]}`;
  }
  const size = new TextEncoder().encode(text).length;
  if (size > maxBytes) return `${whole} is ${size} bytes; at most ${maxBytes} are allowed`;
  return proto ? `${whole} must not hold the key __proto__` : undefined;
}

/** The command line replaces `include` before it validates a plan. */
function includeProblems(input: unknown): Problem[] {
  const { data = [] } = includeSchema.safeParse(recordOf(input)['include']);
  if (data.length === 0) return [];
  return [
    {
      path: 'include',
      message:
        'only the command line reads files: start the plan with `chandler up` or `chandler start`, or put the steps of these files into it',
    },
  ];
}

/** Keeps one step more than allowed, which is enough to fail; validating a very long list would take too long. */
function firstSteps(input: unknown): unknown {
  const steps = (input as { steps?: unknown } | null | undefined)?.steps;
  if (!Array.isArray(steps) || steps.length <= limits.steps) return input;
  return { ...(input as object), steps: steps.slice(0, limits.steps + 1) };
}

function toProblems(
  issue: { code?: string; path: PropertyKey[]; message: string },
  schema: z.ZodType,
  whole = 'the plan',
): KeyedProblem[] {
  const keys = issue.path.map(String);
  if (issue.code === 'unrecognized_keys' && 'keys' in issue) {
    return (issue.keys as string[]).map((key) => ({
      path: formatPath([...issue.path, key]),
      keys: [...keys, key],
      message: `is not a known key${suggestKey(key, knownKeys(schema, issue.path))}`,
    }));
  }
  if (issue.code === 'invalid_key' && 'issues' in issue) {
    const [first] = issue.issues as { message: string }[];
    return [{ path: formatPath(issue.path), keys, message: first?.message ?? issue.message }];
  }
  const subject = issue.path.length === 0 ? `${whole} ` : '';
  return [{ path: formatPath(issue.path), keys, message: `${subject}${issue.message}` }];
}

/** The keys of the object at a path; none if the schema has no object there. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let node: unknown = schema;
  for (const key of [...path, undefined]) {
    while (node instanceof z.ZodOptional || node instanceof z.ZodNullable) node = node.unwrap();
    if (key === undefined) break;
    node =
      node instanceof z.ZodObject
        ? node.shape[String(key)]
        : node instanceof z.ZodArray
          ? node.element
          : node instanceof z.ZodRecord
            ? node.valueType
            : undefined;
  }
  return node instanceof z.ZodObject ? Object.keys(node.shape) : [];
}

/** `; did you mean "script"?`, if a known key is so near that the unknown one is probably a typing mistake. */
function suggestKey(key: string, known: readonly string[]): string {
  const wanted = plainKey(key.slice(0, MAX_KEY_LENGTH));
  const [nearest] = known
    .map((each) => ({ each, distance: editDistance(wanted, plainKey(each)) }))
    .filter(({ each, distance }) => distance <= Math.max(1, Math.floor(each.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return nearest ? `; did you mean "${nearest.each}"?` : '';
}

function plainKey(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** In characters: more than any known key has. */
const MAX_KEY_LENGTH = 40;

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

/** The message for an issue of zod, for authors of plans; undefined where the schema has its own message. */
export function issueMessage(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'must not be empty';
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
