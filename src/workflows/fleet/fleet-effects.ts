import type { FleetActionInputs, FleetActionName } from '../../domain/fleet/fleet-actions.ts';
import type { HostState } from '../../domain/fleet/host-tally.ts';
import type { AuditEntry } from '../../domain/run/audit-trail.ts';
import { count } from '../../domain/text/count.ts';
import { nameSome } from '../../domain/text/name-some.ts';
import type { Fleet } from './fleet.ts';

/** What an action does to a fleet. Its name, input and wording are in domain/fleet/fleet-actions.ts. */
export interface FleetEffect<Input> {
  /** Returns why the action cannot be applied in the present state of the fleet; undefined if it can. */
  refusalReason(fleet: Fleet, input: Input): string | undefined;
  /** Applies the action. Returns what the audit trail records besides sender, reason and time. */
  apply(fleet: Fleet, input: Input, reason: string | undefined): Pick<AuditEntry, 'about' | 'step'>;
}

export const fleetEffects: { readonly [Name in FleetActionName]: FleetEffect<FleetActionInputs[Name]> } = {
  promote: {
    refusalReason({ rollout }) {
      if (rollout.wave >= rollout.waveCount - 1) return 'no wave is left';
      if (!rollout.isWaveOver) return `wave ${rollout.wave + 1} is not over`;
      if (rollout.isExceeded)
        return 'more hosts have failed than the fleet allows: retry them, or allow more';
      if (rollout.isPaused) return 'the fleet is paused';
      return rollout.gate ? undefined : 'the next wave waits for nothing';
    },
    apply({ rollout }) {
      rollout.promote();
      return { about: `wave ${rollout.wave + 1}` };
    },
  },
  pause: {
    refusalReason: ({ rollout }) => (rollout.isPaused ? 'the fleet is already paused' : undefined),
    apply({ rollout }) {
      rollout.pause();
      return {};
    },
  },
  resume: {
    refusalReason: ({ rollout }) => (rollout.isPaused ? undefined : 'the fleet is not paused'),
    apply({ rollout }) {
      rollout.resume();
      return {};
    },
  },
  setConcurrency: {
    refusalReason: () => undefined,
    apply({ rollout }, { concurrency }) {
      rollout.limits.concurrency = concurrency;
      return { about: String(concurrency) };
    },
  },
  setMaxFailures: {
    refusalReason: (_, { maxFailures, maxWaveFailures }) =>
      maxFailures === undefined && maxWaveFailures === undefined
        ? 'maxFailures or maxWaveFailures is missing'
        : undefined,
    apply({ rollout }, { maxFailures, maxWaveFailures }) {
      if (maxFailures !== undefined) rollout.limits.maxFailures = maxFailures;
      if (maxWaveFailures !== undefined) rollout.limits.maxWaveFailures = maxWaveFailures;
      const ofFleet = maxFailures === undefined ? [] : [String(maxFailures)];
      return {
        about: [...ofFleet, ...(maxWaveFailures === undefined ? [] : [`${maxWaveFailures} a wave`])].join(
          ', ',
        ),
      };
    },
  },
  retry: {
    refusalReason(fleet, input) {
      if ((input.hosts === undefined) === (input.which === undefined))
        return 'name hosts or which, and not both';
      const wrong = stateRefusal(fleet, input.hosts ?? [], ['failed', 'skipped']);
      return wrong ?? (hostsToRetry(fleet, input).length === 0 ? 'no host matches' : undefined);
    },
    apply(fleet, input) {
      const hosts = hostsToRetry(fleet, input);
      fleet.rollout.retry(hosts);
      return { about: nameHosts(fleet, hosts) };
    },
  },
  skipHosts: {
    refusalReason: (fleet, { hosts }) => stateRefusal(fleet, hosts, ['failed', 'pending']),
    apply(fleet, { hosts }) {
      const indexes = indexesOf(fleet, hosts);
      fleet.rollout.skip(indexes);
      return { about: nameHosts(fleet, indexes) };
    },
  },
  retryStep: {
    refusalReason: (fleet, { step }) =>
      hostsParkedAt(fleet, step).length === 0 ? `${step} is parked on no host` : undefined,
    apply: (fleet, { step }) => ({ step, about: count(hostsParkedAt(fleet, step).length, 'host') }),
  },
  abort: {
    refusalReason({ rollout }, { running = 'finish' }) {
      // What finishes may still be ended.
      if (rollout.aborting === undefined || (rollout.aborting === 'finish' && running === 'end'))
        return undefined;
      return 'the fleet is already being aborted';
    },
    apply(fleet, { running = 'finish' }, reason = 'no reason given') {
      fleet.abortReason = reason;
      fleet.rollout.abort(running);
      return { about: running === 'end' ? 'running hosts end' : 'running hosts finish' };
    },
  },
};

/** The hosts whose runs need attention because of a step. */
export function hostsParkedAt({ runs, rollout }: Fleet, step: string): number[] {
  return [...runs].flatMap(([host, { failure }]) => {
    const state = rollout.tally.stateOf(host);
    return failure?.step === step && (state === 'parked' || state === 'overdue') ? [host] : [];
  });
}

function hostsToRetry(fleet: Fleet, { hosts, which }: FleetActionInputs['retry']): number[] {
  if (hosts) return indexesOf(fleet, hosts);
  const { tally } = fleet.rollout;
  return fleet.hosts.flatMap((_, host) => {
    const state = tally.stateOf(host);
    const isWanted = which === 'failed' ? state === 'failed' : state === 'skipped' && !fleet.runs.has(host);
    return isWanted ? [host] : [];
  });
}

function stateRefusal(
  fleet: Fleet,
  names: readonly string[],
  states: readonly HostState[],
): string | undefined {
  const wrong = indexesOf(fleet, names).find((host) => !states.includes(fleet.rollout.tally.stateOf(host)));
  if (wrong === undefined) return undefined;
  return `${fleet.hosts[wrong]?.name} is ${fleet.rollout.tally.stateOf(wrong)}, neither ${states.join(' nor ')}`;
}

function indexesOf({ hosts }: Fleet, names: readonly string[]): number[] {
  const wanted = new Set(names);
  return hosts.flatMap(({ name }, host) => (wanted.has(name) ? [host] : []));
}

function nameHosts({ hosts }: Fleet, indexes: readonly number[]): string {
  return nameSome(indexes.map((host) => hosts[host]?.name ?? ''));
}
