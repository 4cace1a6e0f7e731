import { createDraw } from './draw.ts';
import { faultKinds, type FaultKind } from './faults.ts';

/** When a fault strikes: so long after the run began, or when a program on its host comes to a window. */
export type Moment =
  { readonly at: 'time'; readonly afterMs: number } | { readonly at: 'window'; readonly number: number };

/** A fault as it was drawn. */
export interface DrawnFault {
  readonly kind: FaultKind;
  readonly moment: Moment;
  readonly lastsMs: number;
  readonly salt: number;
}

/** What a window may also do: end the program that has come there. */
export const programKilled: FaultKind = {
  name: 'program killed there',
  weight: 12,
  on: 'launch',
  kills: true,
  lasts: [0, 0],
  // Whoever aims it answers the program with its death.
  strike: async () => async () => undefined,
};

/** Draws the faults that the run number `index` meets. */
export function drawFaults(seed: number, index: number): DrawnFault[] {
  const draw = createDraw(seed, `faults ${index}`);
  const make = (kinds: readonly FaultKind[], moment: Moment): DrawnFault => {
    const kind = draw.weighted(kinds);
    return { kind, moment, lastsMs: draw.int(...kind.lasts), salt: draw.int(0, 1_000_000) };
  };
  return [
    ...Array.from({ length: draw.int(1, 4) }, () =>
      make(faultKinds, { at: 'time', afterMs: draw.int(0, 5000) }),
    ),
    ...Array.from({ length: draw.int(1, 4) }, () =>
      make([...faultKinds, programKilled], { at: 'window', number: draw.int(0, 1_000_000) }),
    ),
  ];
}
