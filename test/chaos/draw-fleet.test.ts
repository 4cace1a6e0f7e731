import { assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraw } from '../../chaos/draw.ts';
import { calmFleet, drawFleet, renderFleet } from '../../chaos/fleet/draw-fleet.ts';
import { choose } from '../../chaos/fleet/fleet-operator.ts';
import { validateFleet } from '../../src/domain/fleet/validate-fleet.ts';
import { hostOf, statusOfFleet } from './make-fleet.ts';

describe('a drawn fleet', () => {
  const targets = [1, 2, 3, 4].map((port) => ({ host: '127.0.0.1', port }));
  it('is valid, with and without faults, and the same for the same seed', () =>
    assert(
      property(nat({ max: 1_000_000 }), (seed) => {
        const fleet = drawFleet(seed, 0, [4, 5, 6, 7]);
        expect(fleet).toEqual(drawFleet(seed, 0, [4, 5, 6, 7]));
        for (const each of [fleet, calmFleet(fleet)])
          expect(validateFleet(renderFleet(each, targets, 1)).problems).toBeUndefined();
      }),
    ));

  it('meets every action, and an operator who sends each', () => {
    const fleets = Array.from({ length: 300 }, (_, index) => drawFleet(1, index, [0, 1, 2, 3]));
    const timed = fleets.flatMap(({ actions }) => actions.map(({ name }) => name));
    const worst = [
      hostOf('n0', { state: 'failed' }),
      hostOf('n1', { state: 'parked', failure: { code: 'step-failed', message: '', step: 'b' } }),
    ];
    const attention = { message: '', advice: '' };
    const needs = [
      statusOfFleet({ worst, attention: { ...attention, reason: 'exceeded' } }),
      statusOfFleet({ attention: { ...attention, reason: 'promote' } }),
      statusOfFleet({ paused: true }),
    ];
    const chosen = needs.flatMap((status) =>
      Array.from({ length: 200 }, (_, i) => choose({ isCalm: false }, status, createDraw(1, `${i}`))?.name),
    );
    const all = [
      'abort',
      'pause',
      'promote',
      'resume',
      'retry',
      'retryStep',
      'setConcurrency',
      'setMaxFailures',
      'skipHosts',
    ];
    expect(new Set([...timed, ...chosen])).toEqual(new Set([...all, 'cancel', undefined]));
    const calm = Array.from(
      { length: 200 },
      (_, i) => choose({ isCalm: true }, needs[0]!, createDraw(1, `${i}`))?.name,
    );
    expect(new Set(calm)).toEqual(new Set(['retry', 'retryStep']));
  });
});
