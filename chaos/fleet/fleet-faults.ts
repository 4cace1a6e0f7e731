import { controls, mayHaveStruck, untilDone } from '../controls.ts';
import { createDraw } from '../draw.ts';
import type { FaultKind } from '../fault-kind.ts';
import { drawFaults, type DrawnFault } from '../schedule.ts';

export const FLEET_RESTARTED = 'fleet terminated and started again';

/** Within the first seconds of a fleet. */
const WITHIN_MS = 7_000;

/** Terminates a fleet, and starts it again under its name with the same plan. `start` ignores that it is at work. */
function restarted(start: () => Promise<unknown>): FaultKind {
  return {
    name: FLEET_RESTARTED,
    weight: 4,
    on: 'run',
    lasts: [0, 2000],
    async strike({ stage, run }) {
      try {
        await stage.client.temporal.workflow.getHandle(run).terminate('drawn');
      } catch (error) {
        if (!mayHaveStruck(error)) return undefined;
      }
      return untilDone(start);
    },
  };
}

/** Draws the faults of a host: those of two runs, the later ones for hosts that start late. */
export function drawNodeFaults(seed: number, name: string): DrawnFault[] {
  const later = ({ moment, ...fault }: DrawnFault): DrawnFault => ({
    ...fault,
    moment: moment.at === 'time' ? { ...moment, afterMs: moment.afterMs + WITHIN_MS } : moment,
  });
  return [...drawFaults(seed, name, WITHIN_MS), ...drawFaults(seed, `${name} later`, WITHIN_MS).map(later)];
}

/** Draws what strikes the workflow of a fleet itself: Temporal's own controls, up to three times. */
export function drawFleetFaults(seed: number, name: string, start: () => Promise<unknown>): DrawnFault[] {
  const draw = createDraw(seed, `faults of ${name}`);
  return Array.from({ length: draw.int(0, 3) }, () => {
    const kind = draw.weighted([...controls, restarted(start)]);
    const moment = { at: 'time', afterMs: draw.int(0, WITHIN_MS) } as const;
    return { kind, moment, lastsMs: draw.int(...kind.lasts), salt: draw.int(0, 1_000_000) };
  });
}
