import { isRecord, recordOf } from '../is-record.ts';
import type { Plan } from '../plan/schema.ts';
import { layerValues } from '../plan/values.ts';
import type { FleetHost, FleetInput } from './schema.ts';

/** The hosts of a fleet, each as a mapping. */
export function listHosts(input: Pick<FleetInput, 'hosts'>): FleetHost[] {
  return input.hosts.map((host) => (typeof host === 'string' ? { name: host } : host));
}

/** The plan for one host of a fleet. `withOnce`: with the steps that run on one host of the fleet only. */
export function planForHost(
  { name, plan }: Pick<FleetInput, 'name' | 'plan'>,
  host: FleetHost,
  withOnce = true,
): Plan {
  const { target, labels } = plan;
  const whole = {
    ...layerValues(plan, ...(host.env ? [host.env] : [])),
    fleet: name,
    target: { host: host.name, ...withoutHost(target), ...host.target },
    ...(host.labels &&
      (labels === undefined || isRecord(labels)) && { labels: { ...labels, ...host.labels } }),
  };
  return (withOnce ? whole : withoutOnce(whole)) as unknown as Plan;
}

/** The host of a plan's own target is no host of the fleet. */
function withoutHost(target: unknown): object {
  const { host: _, ...rest } = recordOf(target);
  return rest;
}

/** Whether a step of a plan of any shape runs on one host of the fleet only. */
export function hasOnceSteps(plan: Readonly<Record<string, unknown>>): boolean {
  return stepsOf(plan).some(isOnce);
}

/** Removes the steps that run on one host of the fleet only, also from what other steps need. */
function withoutOnce<T extends Readonly<Record<string, unknown>>>(plan: T): T {
  const removed = new Set(
    stepsOf(plan)
      .filter(isOnce)
      .map((step) => recordOf(step)['name']),
  );
  if (removed.size === 0) return plan;
  const steps = stepsOf(plan)
    .filter((step) => !isOnce(step))
    .map((step) => {
      const { needs } = recordOf(step);
      if (!Array.isArray(needs)) return step;
      return { ...recordOf(step), needs: needs.filter((name) => !removed.has(name)) };
    });
  return { ...plan, steps };
}

function stepsOf(plan: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Array.isArray(plan['steps']) ? (plan['steps'] as unknown[]) : [];
}

function isOnce(step: unknown): boolean {
  return recordOf(step)['once'] === true;
}
