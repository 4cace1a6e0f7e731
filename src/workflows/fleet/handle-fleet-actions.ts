import {
  exampleFleetInput,
  fleetActionNames,
  fleetActions,
  type FleetActionInputs,
  type FleetActionName,
} from '../../domain/fleet/fleet-actions.ts';
import { invalidInputReason, invalidRequestIdReason, shownName } from '../../domain/run/action-input.ts';
import { recordAction } from '../../domain/run/audit-trail.ts';
import { acceptActions, type ActionSender } from '../accept-actions.ts';
import { whyUnreadable } from '../sdk/payload-converter.ts';
import { describeFleet } from './describe-fleet.ts';
import type { Fleet } from './fleet.ts';
import { fleetEffects, hostsParkedAt } from './fleet-effects.ts';

/** What a fleet does after an action. */
export interface FleetHooks {
  readonly onChange: () => void;
  /** Sends the action to the runs of hosts. */
  readonly retryStep: (hosts: readonly number[], input: object) => void;
}

/** Accepts the actions on a fleet. */
export function handleFleetActions(fleet: Fleet, hooks: FleetHooks): void {
  acceptActions<FleetActionName, FleetActionInputs[FleetActionName]>({
    names: fleetActionNames,
    describe(name) {
      const { summary, details } = fleetActions[name];
      return `To ${summary}: ${exampleFleetInput(name)}. ${details}`;
    },
    invalidReason: (name, input) => invalidReason(fleet, name, input),
    refusalReason: (name, input) => refusalReason(fleet, name, input),
    apply: (name, input, sender) => applyAction(fleet, name, input, sender, hooks),
    async queue(handle) {
      handle();
      hooks.onChange();
    },
    answer: () => describeFleet(fleet),
    audited: fleet.audited,
    requests: fleet.requests,
  });
}

function invalidReason(
  fleet: Fleet,
  name: FleetActionName,
  input: FleetActionInputs[FleetActionName] | undefined,
): string | undefined {
  const unreadable = whyUnreadable(input);
  if (unreadable !== undefined) return `the input cannot be read: ${shownName(unreadable)}`;
  const names = name === 'retryStep' ? stepNames(fleet) : fleet.hosts.map((host) => host.name);
  return (
    invalidInputReason(fleetActions[name].checks, input ?? {}, names) ??
    invalidRequestIdReason(input?.requestId)
  );
}

function stepNames({ input: { plan } }: Fleet): string[] {
  return (plan['steps'] as readonly { readonly name: string }[]).map(({ name }) => name);
}

function refusalReason<Name extends FleetActionName>(
  fleet: Fleet,
  name: Name,
  input: FleetActionInputs[Name],
): string | undefined {
  const { rollout, endedAtMs } = fleet;
  if (endedAtMs !== undefined) return 'the fleet is over';
  if (rollout.aborting && name !== 'abort' && name !== 'retryStep') return 'the fleet is being aborted';
  return fleetEffects[name].refusalReason(fleet, input);
}

function applyAction<Name extends FleetActionName>(
  fleet: Fleet,
  name: Name,
  input: FleetActionInputs[Name],
  { reason, by }: ActionSender,
  { retryStep }: FleetHooks,
): void {
  const recorded = fleetEffects[name].apply(fleet, input, reason);
  recordAction(fleet.audited, {
    action: name,
    ...(reason !== undefined && { reason }),
    ...recorded,
    ...(by !== undefined && { by }),
    atMs: Date.now(),
  });
  if (name === 'retryStep' && recorded.step !== undefined)
    retryStep(hostsParkedAt(fleet, recorded.step), {
      step: recorded.step,
      ...(reason !== undefined && { reason }),
    });
}
