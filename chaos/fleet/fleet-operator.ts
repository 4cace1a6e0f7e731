import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../src/client.ts';
import type { FleetActionInputs, FleetActionName } from '../../src/domain/fleet/fleet-actions.ts';
import { fleetWorkflowId } from '../../src/domain/fleet/fleet-id.ts';
import type { FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import { createDraw } from '../draw.ts';
import { untilTaken, within } from '../operator.ts';
import { wakeRun, type Woken } from '../wake.ts';
import type { DrawnFleet, TimedAction } from './draw-fleet.ts';

const POLL_EVERY_MS = 600;

type Choice = {
  [Name in FleetActionName]: { readonly name: Name; readonly input: FleetActionInputs[Name] };
}[FleetActionName];

/** The operator of a fleet until it is over: acts at drawn times and when the fleet needs attention. `onStatus` gets what it reports. */
export async function operateFleet(
  client: ChandlerClient,
  seed: number,
  drawn: DrawnFleet,
  over: AbortSignal,
  onStatus: (status: FleetStatus) => void,
  onWoken: (how: Woken) => void,
): Promise<void> {
  const { name, actions } = drawn;
  const id = fleetWorkflowId(name);
  const watch = async () => {
    for (let asked = 0; ; asked += 1) {
      await delay(POLL_EVERY_MS, undefined, { signal: over });
      const status = await within(client, () => client.fleets.status(name)).catch(() => undefined);
      if (status) onStatus(status);
      else if (!over.aborted) {
        const woken = await within(client, () => wakeRun(client, id)).catch(() => undefined);
        if (woken) onWoken(woken);
      }
      const choice = status && choose(drawn, status, createDraw(seed, `operator of ${name} ${asked}`));
      // A refused action is decided again next time.
      if (choice) await within(client, () => act(client, name, choice)).catch(() => undefined);
    }
  };
  await Promise.all([watch(), ...actions.map((action) => give(client, name, action, over))]).catch(
    (error: unknown) => {
      if (!over.aborted) throw error;
    },
  );
}

async function give(
  client: ChandlerClient,
  fleet: string,
  action: TimedAction,
  over: AbortSignal,
): Promise<void> {
  await delay(action.afterMs, undefined, { signal: over });
  const { name, input } = action;
  if (name === 'cancel')
    return untilTaken(() => client.temporal.workflow.getHandle(fleetWorkflowId(fleet)).cancel(), over);
  await within(client, () => client.fleets.act(fleet, name, input as never)).catch(() => undefined);
}

async function act({ fleets }: ChandlerClient, fleet: string, { name, input }: Choice): Promise<unknown> {
  return fleets.act(fleet, name, input);
}

/** What a fleet that needs attention gets, by the draw; often nothing yet. */
export function choose(
  { isCalm }: Pick<DrawnFleet, 'isCalm'>,
  status: FleetStatus,
  draw: ReturnType<typeof createDraw>,
): Choice | undefined {
  const { attention, worst, failures } = status;
  // A paused fleet reports no need; the one that paused it may be gone.
  if (status.paused) return draw.chance(15) ? { name: 'resume', input: {} } : undefined;
  if (!attention || !(isCalm || draw.chance(50))) return undefined;
  const failed = worst.filter(({ state }) => state === 'failed').map((host) => host.name);
  const step = worst.find(
    ({ state, failure }) => (state === 'parked' || state === 'overdue') && failure?.step,
  )?.failure?.step;
  const choices: (Choice & { readonly weight: number })[] = [
    ...(failed.length > 0
      ? [
          { name: 'retry' as const, input: { which: 'failed' as const }, weight: 4 },
          { name: 'retry' as const, input: { hosts: [draw.pick(failed)] }, weight: 4 },
          {
            name: 'skipHosts' as const,
            input: { hosts: [draw.pick(failed)], reason: 'drawn' },
            weight: isCalm ? 0 : 3,
          },
        ]
      : []),
    ...(step === undefined ? [] : [{ name: 'retryStep' as const, input: { step }, weight: 4 }]),
    ...(attention.reason === 'exceeded'
      ? [{ name: 'setMaxFailures' as const, input: { maxFailures: failures.count }, weight: isCalm ? 0 : 1 }]
      : []),
    ...(isCalm
      ? []
      : [{ name: 'abort' as const, input: { running: draw.pick(['finish', 'end'] as const) }, weight: 1 }]),
  ];
  const isWaiting = attention.reason === 'promote' || attention.reason === 'check-failed';
  if (isWaiting) choices.push({ name: 'promote', input: {}, weight: 20 });
  return choices.some(({ weight }) => weight > 0) ? draw.weighted(choices) : undefined;
}
