import { nameSome } from '../text/name-some.ts';
import { isRecord, recordOf } from '../is-record.ts';
import type { Problem } from '../plan/problems.ts';
import { problemsWith, unreadableReason, validatePlan } from '../plan/validate.ts';
import { defaultWorkflowId } from '../run/ids.ts';
import { targetSchema } from '../plan/schema.ts';
import { hasOnceSteps, planForHost } from './fleet-hosts.ts';
import { fleetLimits } from './limits.ts';
import { fullFleetSchema, type FleetHost, type FleetInput } from './schema.ts';

/** A fleet whose hosts are all mappings. */
type FullFleet = Omit<FleetInput, 'hosts'> & { readonly hosts: readonly FleetHost[] };

/** Validates a value of any shape as a fleet, and the plan for each of its hosts. Never throws. */
export function validateFleet(input: unknown): { problems?: Problem[] } {
  const unreadable = unreadableReason(input, {
    whole: 'the fleet',
    maxBytes: fleetLimits.inputBytes,
  });
  if (unreadable !== undefined) return { problems: [{ path: '', message: unreadable }] };
  const whole = withMappings(input);
  const { problems = [] } = problemsWith(fullFleetSchema, whole, 'the fleet');
  if (problems.length > 0) return { problems: problems.map(({ path, message }) => ({ path, message })) };
  const fleet = whole as FullFleet;
  const found = [...sameProblems(fleet), ...planProblems(fleet), ...labelProblems(fleet)];
  return found.length > 0 ? { problems: found } : {};
}

/** A host may be written as its name. */
function withMappings(input: unknown): unknown {
  if (!isRecord(input) || !Array.isArray(input['hosts'])) return input;
  const hosts = (input['hosts'] as unknown[]).map((host) =>
    typeof host === 'string' ? { name: host } : host,
  );
  return { ...input, hosts };
}

/** Two names of one address would be two runs with the same id. */
function sameProblems({ hosts, plan }: FullFleet): Problem[] {
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  const { port: shared } = recordOf(recordOf(plan)['target']) as { readonly port?: number };
  return hosts.flatMap(({ name, target }, index): Problem[] => {
    const { host = name, port = shared } = target ?? {};
    const address = defaultWorkflowId({ host, ...(port !== undefined && { port }) });
    const [sameName, sameAddress] = [names.get(name), addresses.get(address)];
    names.set(name, sameName ?? index);
    addresses.set(address, sameAddress ?? index);
    if (sameName !== undefined)
      return [{ path: `hosts[${index}].name`, message: `is the name of hosts[${sameName}], too` }];
    if (sameAddress === undefined) return [];
    return [{ path: `hosts[${index}]`, message: `has the address of ${hosts[sameAddress]?.name}` }];
  });
}

/**
 * Problems of the plan with the values of each host. The schema of a host covers each value by itself; what is left depends on which
 * values there are, and how large they are together. So of hosts that set the same keys only the largest is validated.
 */
function planProblems(fleet: FullFleet): Problem[] {
  const found = new Map<string, { readonly problem: Problem; readonly hosts: string[] }>();
  const add = (problem: Problem, hosts: readonly FleetHost[]) => {
    const key = JSON.stringify(problem);
    const entry = found.get(key) ?? { problem, hosts: [] };
    entry.hosts.push(...hosts.map(({ name }) => name));
    found.set(key, entry);
  };
  for (const host of fleet.hosts)
    if (host.target?.host === undefined && !isAddress(host.name))
      add({ path: 'hosts', message: 'the name is no address: set target.host' }, [host]);
  for (const hosts of groupAlike(fleet.hosts))
    for (const problem of problemsOf(fleet, largestOf(hosts))) add(problem, hosts);
  if (found.size === 0 && hasOnceSteps(fleet.plan))
    for (const problem of problemsOf(fleet, fleet.hosts[0], false)) add(problem, fleet.hosts.slice(1));
  return [...found.values()].map(({ problem: { path, message }, hosts }) => ({
    path,
    message: hosts.length === fleet.hosts.length ? message : `${message} (for ${nameSome(hosts)})`,
  }));
}

function problemsOf(fleet: FullFleet, host: FleetHost | undefined, withOnce = true): Problem[] {
  if (!host) return [];
  const target = { ...host.target, host: host.target?.host ?? 'h' };
  const { problems = [] } = validatePlan(planForHost(fleet, { ...host, target }, withOnce));
  return problems.map(({ path, message }) => ({ path: path === '' ? 'plan' : `plan.${path}`, message }));
}

/** Groups hosts that set the same keys. */
function groupAlike(hosts: readonly FleetHost[]): FleetHost[][] {
  const groups = new Map<string, FleetHost[]>();
  for (const each of hosts) {
    const { host: _, ...target } = each.target ?? {};
    const key = JSON.stringify(
      [target, each.env ?? {}, each.labels ?? {}].map((keys) => Object.keys(keys).sort()),
    );
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  return [...groups.values()];
}

function largestOf(hosts: readonly FleetHost[]): FleetHost | undefined {
  return hosts.reduce<FleetHost | undefined>(
    (largest, each) => (largest && sizeOf(largest) >= sizeOf(each) ? largest : each),
    undefined,
  );
}

function sizeOf({ env, labels }: FleetHost): number {
  return JSON.stringify([env, labels]).length;
}

function isAddress(name: string): boolean {
  return targetSchema.shape.host.safeParse(name).success;
}

function labelProblems({ hosts, waves }: FullFleet): Problem[] {
  if (waves === undefined || Array.isArray(waves)) return [];
  const hasLabel = hosts.some(({ labels }) => labels?.[waves.label] !== undefined);
  return hasLabel ? [] : [{ path: 'waves.label', message: `no host has the label ${waves.label}` }];
}
