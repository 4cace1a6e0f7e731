import type { AuditEntry } from '../../src/domain/run/audit-trail.ts';
import type { DrawnFleet } from './draw-fleet.ts';
import type { FleetEvent } from './fleet-events.ts';
import { countsAsFailed, FleetKnowledge, isActive, isAtWork, type KnownHost } from './fleet-knowledge.ts';

/** What must hold whenever a fleet starts a host, given the events that its workflow had handled by then. */
export const startInvariants = {
  'a fleet starts only hosts that wait for it': (_, { name, state }) =>
    state === 'pending' ? undefined : `${name} was started while it was ${state}`,

  'nothing starts while a fleet is paused or ends': ({ isPaused, isEnding }, { name }) =>
    isPaused || isEnding
      ? `${name} was started while the fleet ${isPaused ? 'was paused' : 'was ending'}`
      : undefined,

  'nothing starts after the error budget is exceeded': (known, { name }) => {
    const failed = known.hosts.filter((host) => countsAsFailed(host) && !host.isFresh);
    const exceeded = [...new Set(failed.map(({ wave }) => wave))].filter(
      (wave) =>
        wave <= known.wave && failed.filter((host) => host.wave === wave).length > known.allowed(wave),
    );
    return failed.length > known.allowed() || exceeded.length > 0
      ? `${name} was started although ${failed.map((host) => host.name).join(', ')} had failed: ${JSON.stringify(known.limits)}`
      : undefined;
  },

  'the concurrency is never exceeded': (known, { name }) => {
    const active = known.hosts.filter(isActive).map((host) => host.name);
    const { concurrency } = known.limits;
    return active.length >= concurrency
      ? `${name} was started beside ${active.join(', ')}; the concurrency was ${concurrency}`
      : undefined;
  },

  'a wave begins after the one before it is over': (known, { name, wave }) => {
    if (wave <= known.wave) return undefined;
    const left = known.hosts.filter(
      (host) => isActive(host) || (host.wave < wave && host.state === 'pending'),
    );
    return left.length > 0
      ? `${name} of wave ${wave} was started before ${left.map((host) => host.name).join(', ')} of earlier waves`
      : undefined;
  },

  'a wave begins after what it waits for': (known, { name, wave }, { rollout: { pause } }) => {
    if (wave <= known.wave || pause === undefined) return undefined;
    const passed =
      typeof pause === 'object'
        ? pause.check !== undefined && known.isChecked
        : known.nowMs - known.workedMs >= Number(pause);
    return passed ? undefined : `${name} of wave ${wave} was started without ${JSON.stringify(pause)}`;
  },

  'the other hosts wait for steps that run once': (known, host, { steps }, withOnce) => {
    if (!steps.some(({ once }) => once)) return undefined;
    if (!withOnce) return known.isOnceDone ? undefined : `${host.name} was started before they were done`;
    const others = known.hosts.filter((each) => each !== host && each.hasOnce && each.state !== 'skipped');
    return others.length > 0
      ? `${host.name} was started with them, and so was ${others.map(({ name }) => name).join(', ')}`
      : undefined;
  },
} as const satisfies Record<
  string,
  (known: FleetKnowledge, host: KnownHost, fleet: DrawnFleet, withOnce: boolean) => string | undefined
>;

export type StartInvariant = keyof typeof startInvariants;

/** Follows one history of a fleet, and judges every start of a host. `auditTrail` has the signals that it refused. */
export function judgeStarts(
  fleet: DrawnFleet,
  hosts: ConstructorParameters<typeof FleetKnowledge>[1],
  events: readonly FleetEvent[],
  auditTrail: readonly AuditEntry[],
): { readonly invariant: StartInvariant; readonly what: string }[] {
  const known = new FleetKnowledge(fleet, hosts, auditTrail);
  const once = fleet.steps.find((step) => step.once)?.name;
  const found: { invariant: StartInvariant; what: string }[] = [];
  for (const event of events) {
    const host = event.kind === 'start' ? known.hostOf(event.workflowId) : undefined;
    // A start that the server has refused is repeated until the run that is at work has ended.
    if (event.kind === 'start' && host && !(isAtWork(host) && host.isRefused)) {
      const withOnce = once !== undefined && event.steps.includes(once);
      for (const [invariant, check] of Object.entries(startInvariants)) {
        const what = check(known, host, fleet, withOnce);
        if (what !== undefined) found.push({ invariant: invariant as StartInvariant, what });
      }
      if (host.wave > known.wave) known.beginWave(host.wave);
    }
    known.apply(event);
  }
  return found;
}
