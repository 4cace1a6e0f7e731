import { recordOf } from '../is-record.ts';

export interface GraphStep {
  readonly name: string;
  readonly needs: readonly string[];
}

/** Reads names and needs from a value of any shape. The indexes are those of its steps. */
export function readGraph(input: unknown): GraphStep[] {
  const steps = recordOf(input)['steps'];
  if (!Array.isArray(steps)) return [];
  return steps.map((step: unknown) => {
    const { name, needs } = recordOf(step);
    return {
      name: typeof name === 'string' ? name : '',
      needs: Array.isArray(needs) ? needs.map((need) => (typeof need === 'string' ? need : '')) : [],
    };
  });
}

/** More names than steps are a problem already. */
const MAX_NAMED = 64;

/** Finds names of steps in the `run` of a value of any shape that no step has. */
export function runProblems(
  input: unknown,
  steps: readonly GraphStep[],
): { path: (string | number)[]; message: string }[] {
  const { only, from } = recordOf(recordOf(input)['run']);
  const listed = Array.isArray(only)
    ? only.slice(0, MAX_NAMED).map((name: unknown, i) => ({ path: ['run', 'only', i], name }))
    : [];
  const wanted = [...listed, { path: ['run', 'from'], name: from }];
  const names = new Set<unknown>(steps.map(({ name }) => name));
  return wanted.flatMap(({ path, name }) =>
    typeof name === 'string' && !names.has(name) ? [{ path, message: `there is no step "${name}"` }] : [],
  );
}

/** Finds problems between steps: duplicate names, unknown needs, cycles. */
export function stepProblems(steps: readonly GraphStep[]): { path: (string | number)[]; message: string }[] {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const first = new Map<string, number>();
  for (const [i, { name }] of steps.entries()) {
    // The schema reports steps without a usable name.
    if (name === '') continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, i);
    else problems.push({ path: [i, 'name'], message: `"${name}" is already the name of steps[${earlier}]` });
  }
  for (const [i, step] of steps.entries()) {
    for (const [k, need] of step.needs.entries()) {
      if (need !== '' && !first.has(need))
        problems.push({ path: [i, 'needs', k], message: `there is no step "${need}"` });
    }
  }
  const cycle = findCycle(steps);
  if (cycle)
    problems.push({
      path: [first.get(cycle[0] ?? '') ?? 0, 'needs'],
      message: `is a cycle: ${cycle.join(' → ')}`,
    });
  return problems;
}

function findCycle(steps: readonly GraphStep[]): string[] | undefined {
  // A map keeps the last of equal keys, so the reversed list keeps the first of several steps with one name.
  const needs = new Map(steps.toReversed().map((step) => [step.name, step.needs]));
  const done = new Set<string>();
  const visit = (name: string, trail: string[]): string[] | undefined => {
    const seen = trail.indexOf(name);
    if (seen >= 0) return [...trail.slice(seen), name];
    if (done.has(name)) return undefined;
    for (const need of needs.get(name) ?? []) {
      const cycle = visit(need, [...trail, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const { name } of steps) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}
