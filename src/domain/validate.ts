import type { z } from 'zod';
import { limits, planSchema, type Plan } from './schema.ts';
import { readGraph, stepProblems } from './step-graph.ts';

/** One thing that is wrong with a plan, and where: `steps[2].needs[0]`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Checks anything that claims to be a plan. Every problem is listed; none means `plan` is there. */
export function validatePlan(
  input: unknown,
): { plan: Plan; problems?: never } | { plan?: never; problems: Problem[] } {
  const size = new TextEncoder().encode(JSON.stringify(input) ?? '').length;
  if (size > limits.planBytes) {
    return {
      problems: [{ path: '', message: `the plan is ${size} bytes; at most ${limits.planBytes} are allowed` }],
    };
  }
  const result = planSchema.safeParse(input, { error: plainWords });
  const problems = [
    ...(result.error?.issues.flatMap(toProblems) ?? []),
    ...stepProblems(readGraph(input)).map(({ path, message }) => ({
      path: formatPath(['steps', ...path]),
      message,
    })),
  ];
  return problems.length === 0 ? { plan: input as Plan } : { problems };
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
  return [{ path: formatPath(issue.path), message: issue.message }];
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  int: 'a whole number',
  number: 'a number',
};

/** What zod found, in words for whoever writes plans; nothing where the schema has words of its own. */
function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big': {
      const unit = { string: ' characters long', array: ' entries' }[issue.origin as string] ?? '';
      return `must be at most ${issue.maximum}${unit}`;
    }
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

/** The problems as text, one a line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}
