import type { ResolvedPlan } from './resolve-plan.ts';
import type { Plan } from './schema.ts';

/** Finds out to which steps a run is limited, with all that they need, and which of them it forces. */
export function selectSteps(
  steps: readonly { readonly name: string; readonly needs?: readonly string[] | undefined }[],
  { only, from, force = false }: NonNullable<Plan['run']> = {},
): ResolvedPlan['run'] {
  const names = steps.map(({ name }) => name);
  const isLimited = only !== undefined || from !== undefined;
  const after = from === undefined ? [] : names.slice(names.indexOf(from));
  const wanted = isLimited ? [...(only ?? []), ...after] : names;
  const forced = force ? wanted : [];
  if (!isLimited) return { forced };
  const selected = new Set(wanted);
  // A set also visits what is added meanwhile.
  for (const name of selected)
    for (const need of steps.find((step) => step.name === name)?.needs ?? []) selected.add(need);
  return { forced, selected: names.filter((name) => selected.has(name)) };
}
