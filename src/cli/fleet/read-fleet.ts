import { basename } from 'node:path';
import { definedOnly } from '../../domain/defined-only.ts';
import type { FleetHost, FleetInput } from '../../domain/fleet/schema.ts';
import { validateFleet } from '../../domain/fleet/validate-fleet.ts';
import { isRecord, recordOf } from '../../domain/is-record.ts';
import { formatProblems } from '../../domain/plan/problems.ts';
import type { Target } from '../../domain/plan/schema.ts';
import { layerValues } from '../../domain/plan/values.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { readHostPlans, type HostPlan } from '../hosts/host-plans.ts';
import type { HostsChoice } from '../hosts/read-hosts.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { applyOptions, type PlanOptions } from '../input/plan-file.ts';
import type { RunOptions } from '../input/run-options.ts';
import { readRollout, type RolloutOptions } from './rollout-options.ts';

/** A fleet as the command line describes it, and the plan for each of its hosts. */
export interface FleetRead {
  readonly input: FleetInput;
  readonly plans: readonly HostPlan[];
}

/**
 * Reads a plan and an inventory, and validates the plan for every host. What all hosts have in common goes into the plan, so that
 * the input stays small.
 *
 * @throws CliError usage with one problem a line
 */
export async function readFleet(
  file: string,
  options: PlanOptions & RunOptions & HostsChoice & SshConfigOptions & RolloutOptions,
  context: CliContext,
): Promise<FleetRead> {
  const { plans, source } = await readHostPlans(file, options, context);
  if (!source.merged) throw usageError('the plan cannot be read');
  const base = applyOptions(source.merged.value, source.given, options.target, options);
  const names = new Set(source.given.map(({ name }) => name));
  const targets = plans.map(({ plan }) => plan.target);
  const envs = plans.map(({ host }) => valuesOf(host.env, names));
  const labels = plans.map(({ host }) => host.labels);
  const shared = { target: commonOf(targets), env: commonOf(envs), labels: commonOf(labels) };
  const hosts = plans.map(({ name }, i): FleetHost | string => {
    const entry: FleetHost = definedOnly({
      name,
      target: targetOver(targets[i], shared.target, name),
      env: filled(without(envs[i] ?? {}, shared.env)),
      labels: filled(without(labels[i] ?? {}, shared.labels)),
    });
    return Object.keys(entry).length === 1 ? name : entry;
  });
  const plan = withShared(recordOf(base), shared);
  const input = {
    name: options.name ?? nameIn(plan, file),
    plan,
    hosts,
    ...readRollout(options),
  };
  const { problems } = validateFleet(input);
  if (problems) throw usageError(formatProblems(problems));
  return { input, plans };
}

function nameIn(plan: Readonly<Record<string, unknown>>, file: string): string {
  for (const key of ['fleet', 'name']) if (typeof plan[key] === 'string') return plan[key];
  return file === '-' ? 'stdin' : basename(file).replace(/\.(ya?ml|json)$/i, '');
}

type Values = Readonly<Record<string, unknown>>;

function withShared(
  plan: Values,
  shared: { readonly target: Values; readonly env: Values; readonly labels: Values },
): FleetInput['plan'] {
  const { labels = {} } = plan;
  const { host: _, ...target } = shared.target;
  return {
    ...layerValues(plan, shared.env as Readonly<Record<string, string>>),
    target,
    ...(isRecord(labels) &&
      Object.keys({ ...labels, ...shared.labels }).length > 0 && { labels: { ...labels, ...shared.labels } }),
  };
}

/** The values of an inventory's host that the command line does not override. */
function valuesOf(env: HostPlan['host']['env'], overridden: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(
    [...env].filter(([name]) => !overridden.has(name)).map(([name, { value }]) => [name, String(value)]),
  );
}

/** A name is the address of its host, unless the target has another. */
function targetOver(target: Target | undefined, shared: Values, name: string): FleetHost['target'] {
  const { host: _, ...own } = without(target ?? { host: name }, shared);
  return filled({ ...own, ...(target && target.host !== name && { host: target.host }) });
}

/** The entries that all records have alike. */
function commonOf(records: readonly object[]): Values {
  const [first, ...others] = records;
  const same = (key: string, value: unknown) =>
    others.every((each) => JSON.stringify((each as Values)[key]) === JSON.stringify(value));
  return Object.fromEntries(Object.entries(first ?? {}).filter(([key, value]) => same(key, value)));
}

function without<T extends object>(record: T, shared: Values): T {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !(key in shared))) as T;
}

function filled<T extends object>(record: T): T | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
