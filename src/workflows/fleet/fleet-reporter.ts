import { describeFleetEvent, fleetEventKey } from '../../domain/fleet/fleet-notification.ts';
import { renderFleetMarkdown } from '../../domain/fleet/fleet-markdown.ts';
import { addressOfRun, handOver } from '../../notify/workflow/notifier.ts';
import { attributeKeys, keyword, setSearchAttributes } from '../search-attributes.ts';
import { showDetails } from '../sdk/show-details.ts';
import { describeAttention } from '../../domain/fleet/fleet-attention.ts';
import { describeFleet, phaseOf } from './describe-fleet.ts';
import type { Fleet } from './fleet.ts';

/**
 * Shows the current state of a fleet in the UI, and notifies of its events. Search attributes cost history, so they are set only when
 * they change. `report` is called after every change; `delivered` waits until the server has accepted the notifications.
 */
export function createFleetReporter(fleet: Fleet) {
  const { notify, notified, searchAttributes, input } = fleet;
  const handing: Promise<void>[] = [];
  let shown = '';
  showDetails(() => renderFleetMarkdown(describeFleet(fleet)));
  return {
    report() {
      const phase = phaseOf(fleet);
      const isOver = fleet.endedAtMs !== undefined;
      const attention = isOver ? undefined : describeAttention(fleet.rollout, input.name);
      const now = `${phase} ${attention?.reason ?? ''} ${isOver || attention ? fleet.rollout.wave : ''}`;
      if (now === shown) return;
      shown = now;
      if (searchAttributes.length > 0)
        setSearchAttributes(searchAttributes, [
          { key: attributeKeys.plan, value: keyword(describeFleet(fleet).plan) },
          { key: attributeKeys.fleet, value: keyword(input.name) },
          { key: attributeKeys.phase, value: phase },
          { key: attributeKeys.attention, value: attention !== undefined },
        ]);
      const status = describeFleet(fleet);
      const key = fleetEventKey(status);
      if (!notify || key === undefined || notified.has(key)) return;
      if (!notify.events.includes(isOver ? 'fleet-over' : 'fleet-attention')) return;
      notified.add(key);
      handing.push(handOver(describeFleetEvent(status, key, addressOfRun(), Date.now()), notify));
    },
    async delivered() {
      await Promise.all(handing.splice(0));
    },
  };
}
