import type { Host } from '../../domain/hosts/hosts.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { nameSome } from '../../domain/text/name-some.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import {
  judgePlan,
  readPlan,
  type PlanSource,
  renderProblems,
  renderWarnings,
  type HostOverrides,
  type PlanOptions,
} from '../input/plan-file.ts';
import { shownName } from '../input/read-files.ts';
import type { RunOptions } from '../input/run-options.ts';
import { parseTargetOption } from '../input/target-option.ts';
import { reachPlans } from './reach-targets.ts';
import type { SshConfigOptions } from './ssh-config-option.ts';
import { announceIgnored, readHosts, type HostsChoice } from './read-hosts.ts';

/** A host of an inventory, and the plan with its values. */
export interface HostPlan {
  readonly name: string;
  readonly host: Host;
  readonly plan: Plan;
}

/** The plan for each host of an inventory, and what the plan is without one. */
export interface HostPlans {
  readonly plans: readonly HostPlan[];
  readonly source: PlanSource;
}

/**
 * Reads a plan and an inventory, and validates the plan for every host before anything is done on one.
 *
 * @throws CliError usage with one problem a line
 */
export async function loadHostPlans(
  file: string,
  options: PlanOptions & RunOptions & HostsChoice & SshConfigOptions,
  context: CliContext,
): Promise<readonly HostPlan[]> {
  return (await readHostPlans(file, options, context)).plans;
}

/** Like {@link loadHostPlans}, with the plan itself. */
export async function readHostPlans(
  file: string,
  options: PlanOptions & RunOptions & HostsChoice & SshConfigOptions,
  context: CliContext,
): Promise<HostPlans> {
  refuseAddresses(options.target);
  const source = await readPlan(file, options, context);
  const inventory = await readHosts(options, context);
  const { hosts, file: hostsFile } = inventory;
  const plans: HostPlan[] = [];
  const problems = new Map<string, string[]>();
  const warnings = new Map<string, string[]>();
  for (const host of hosts) {
    const { name } = host;
    const judged = judgePlan(source, options.target, options, overridesOf(host, hostsFile));
    for (const problem of judged.problems ?? [])
      addName(problems, renderProblems(shownName(file), [problem]), name);
    for (const line of renderWarnings(shownName(file), judged.warnings ?? [])) addName(warnings, line, name);
    if (judged.plan) plans.push({ name, host, plan: judged.plan });
  }
  refuse(withNames(problems, hosts.length));
  const reached = await reachPlans(plans, options, context);
  refuse(sameAddresses(reached, hostsFile));
  announceIgnored(context, inventory);
  for (const line of withNames(warnings, hosts.length)) announceOn(context)(line);
  return { plans: reached, source };
}

/** Adds a host to those that a line is about. */
function addName(lines: Map<string, string[]>, line: string, name: string): void {
  const names = lines.get(line) ?? [];
  names.push(name);
  lines.set(line, names);
}

function refuse(lines: readonly string[]): void {
  if (lines.length > 0) throw usageError(lines.join('\n'));
}

function overridesOf({ name, target, labels, env }: Host, file: string): HostOverrides {
  const given = [...env].map(([variable, { value, line }]) => ({
    name: variable,
    value: String(value),
    place: { path: `${name}: ${variable}`, file, ...(line !== undefined && { line }) },
  }));
  return { target, labels, given };
}

/** Names the hosts that a line is about, unless it is about all. */
function withNames(lines: ReadonlyMap<string, readonly string[]>, total: number): string[] {
  return [...lines].map(([line, names]) => {
    if (names.length === total && total > 1) return line;
    return `${line} (for ${nameSome(names)})`;
  });
}

/** Two names of one machine would be two runs on it, of which the second is refused. */
function sameAddresses(plans: readonly HostPlan[], file: string): string[] {
  const first = new Map<string, string>();
  return plans.flatMap(({ name, plan: { target } }) => {
    const address = addressOf({ ...target, user: '' }).slice(1);
    const other = first.get(address);
    if (other === undefined) first.set(address, name);
    return other === undefined
      ? []
      : [
          `${oneLine(file)}: ${oneLine(other)} and ${oneLine(name)} are both ${oneLine(address)}; --limit chooses one`,
        ];
  });
}

/** An option for all hosts cannot have the address of one. @throws CliError usage */
export function refuseAddresses(targets: readonly string[] = []): void {
  const wrong = targets.find((text) => 'host' in parseTargetOption(text));
  if (wrong === undefined) return;
  const message = `--target ${wrong}: names one host; with --hosts it must be KEY=VALUE, such as user=root`;
  throw usageError(message);
}
