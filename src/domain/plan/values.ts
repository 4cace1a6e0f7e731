import type { Problem } from './problems.ts';
import { limits } from './limits.ts';
import { valueSchema, type Plan, type Step } from './schema.ts';
import { isRecord, recordOf } from '../is-record.ts';
import { bytesAsJson } from '../text/bytes-as-json.ts';
import { didYouMean } from '../text/near-names.ts';
import { variableNameProblem } from './variable-name.ts';

/** Environment variables by name. */
export type Values = Readonly<Record<string, string>>;

/**
 * Sets values in a plan of any shape; of several layers the last one wins. A value replaces a variable wherever the plan has it: in
 * its `env` and in the `env` of steps. Values from outside the plan are more specific: they are for this host or this run.
 * A variable that the plan does not have is set for every step; one that only some steps have changes no other step.
 */
export function layerValues<T>(plan: T, ...layers: readonly Values[]): T {
  const over: Values = Object.fromEntries(layers.flatMap((layer) => Object.entries(layer)));
  if (!isRecord(plan) || Object.keys(over).length === 0) return plan;
  const { env = {}, required, steps } = plan;
  const list: readonly unknown[] = Array.isArray(steps) ? steps : [];
  const ofSteps = new Set(list.flatMap((step) => Object.keys(recordOf(recordOf(step)['env']))));
  const ofPlan = new Set([
    ...Object.keys(recordOf(env)),
    ...(Array.isArray(required) ? (required as unknown[]) : []),
  ]);
  const shared = Object.entries(over).filter(([name]) => ofPlan.has(name) || !ofSteps.has(name));
  return {
    ...plan,
    ...(isRecord(env) && shared.length > 0 && { env: { ...env, ...Object.fromEntries(shared) } }),
    ...(Array.isArray(steps) && { steps: list.map((step) => withOwnEnv(step, over)) }),
  };
}

/** Replaces the values that the step's own `env` has. */
function withOwnEnv(step: unknown, over: Values): unknown {
  if (!isRecord(step) || !isRecord(step['env'])) return step;
  const own = Object.entries(step['env']).map(([name, value]) => [
    name,
    Object.hasOwn(over, name) ? over[name] : value,
  ]);
  return { ...step, env: Object.fromEntries(own) as unknown };
}

/** The variables of a step: its own `env` over that of the plan. A secret of the step hides a variable of the plan. */
export function stepEnv(
  { env: own = {}, secrets = {} }: Pick<Step, 'env' | 'secrets'>,
  shared: Values = {},
): Record<string, string> {
  const visible = Object.entries(shared).filter(([name]) => !Object.hasOwn(secrets, name));
  return { ...Object.fromEntries(visible), ...own };
}

/** Why a step cannot have a variable with this name and value; undefined if it can. */
export function valueProblem(name: string, value: string): string | undefined {
  return variableNameProblem(name) ?? valueSchema.safeParse(value).error?.issues[0]?.message;
}

/** Finds the step that declares a secret with this name, in a plan of any shape. */
export function findSecret(plan: unknown, name: string): { step: string; reference: string } | undefined {
  const { steps } = recordOf(plan);
  for (const step of Array.isArray(steps) ? (steps as unknown[]) : []) {
    const { name: stepName, secrets } = recordOf(step);
    const declared = recordOf(secrets);
    if (Object.hasOwn(declared, name)) return { step: String(stepName), reference: String(declared[name]) };
  }
  return undefined;
}

/**
 * Returns a function that returns why the name of a variable is probably misspelled; undefined if the plan or one of its scripts has
 * it, or if it resembles no variable of the plan.
 */
export function misspellingIn({ env, required = [], steps }: Omit<Plan, 'target'>) {
  const declared = [env, ...steps.map((step) => step.env)].flatMap((each) => Object.keys(each ?? {}));
  const names = [...required, ...declared];
  const scripts = steps.flatMap(({ script = '', check = '', finalize = '', files = [] }) => [
    script,
    check,
    finalize,
    ...files.flatMap(({ expand, content = '' }) => (expand ? [content] : [])),
  ]);
  const known = new Set([...names, ...scripts.flatMap((text) => text.match(/\w+/g) ?? [])]);
  return (name: string): string | undefined => {
    const meant = known.has(name) ? undefined : didYouMean(name, names);
    return meant && `neither the plan nor a script mentions ${name}; ${meant}`;
  };
}

/** Finds problems with the variables of a plan of any shape: required ones without a value, and too many bytes. */
export function valueProblems(plan: unknown): Problem[] {
  const { env = {}, required, steps } = recordOf(plan);
  // The schema reports variables and lists of another shape.
  if (!isRecord(env)) return [];
  return [
    ...(Array.isArray(required) ? missingProblems(env, required) : []),
    ...(Array.isArray(steps) ? sizeProblems(env, steps.length) : []),
  ];
}

function missingProblems(env: object, required: readonly unknown[]): Problem[] {
  // Several files may require the same variable.
  const reported = new Set<unknown>();
  return required.flatMap((name, i) => {
    if (typeof name !== 'string' || variableNameProblem(name) !== undefined) return [];
    if (Object.hasOwn(env, name) || reported.has(name)) return [];
    reported.add(name);
    const message = `${name} has no value: set it in env, with --set ${name}=VALUE, or in an --env-file`;
    return [{ path: `required[${i}]`, message }];
  });
}

/** The workflow sends the variables once for each step, and may start all steps in one message to the server. */
function sizeProblems(env: object, steps: number): Problem[] {
  const bytes = bytesAsJson(env);
  if (steps > limits.steps || bytes * steps <= limits.planBytes) return [];
  const most = Math.floor(limits.planBytes / steps);
  return [{ path: 'env', message: `is ${bytes} bytes; at most ${most} are allowed with ${steps} steps` }];
}
