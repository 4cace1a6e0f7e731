import { createDraw } from './draw.ts';
import type { FaultKind } from './fault-kind.ts';
import { faultKinds } from './faults.ts';

/** When a fault strikes: a time after the start of the run, or when a program on its host reaches a window. */
export type Moment =
  | { readonly at: 'time'; readonly afterMs: number }
  | { readonly at: 'window'; readonly number: number };

/** A drawn fault. */
export interface DrawnFault {
  readonly kind: FaultKind;
  readonly moment: Moment;
  readonly lastsMs: number;
  readonly salt: number;
}

/** Ends the program that has reached the window. */
export const programKilled: FaultKind = {
  name: 'host program killed',
  weight: 12,
  on: 'launch',
  kills: true,
  lasts: [0, 0],
  // The armed window ends the program itself.
  strike: async () => async () => undefined,
};

/** Draws the faults of run number `index`, or of a run of a series by its name. They strike within the first `withinMs` of the run. */
export function drawFaults(seed: number, index: number | string, withinMs = 5000): DrawnFault[] {
  const draw = createDraw(seed, `faults ${index}`);
  const make = (kinds: readonly FaultKind[], moment: Moment): DrawnFault => {
    const kind = draw.weighted(kinds);
    return { kind, moment, lastsMs: draw.int(...kind.lasts), salt: draw.int(0, 1_000_000) };
  };
  return [
    ...Array.from({ length: draw.int(1, 4) }, () =>
      make(faultKinds, { at: 'time', afterMs: draw.int(0, withinMs) }),
    ),
    ...Array.from({ length: draw.int(1, 4) }, () =>
      make([...faultKinds, programKilled], { at: 'window', number: draw.int(0, 1_000_000) }),
    ),
  ];
}
