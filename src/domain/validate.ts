import { limits, planSchema, type Plan } from './schema.ts';

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
  const result = planSchema.safeParse(input);
  if (result.success) return { plan: input as Plan };
  return { problems: result.error.issues.flatMap(toProblems) };
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
