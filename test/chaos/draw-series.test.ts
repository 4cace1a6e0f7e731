import { assert, nat, property } from 'fast-check';
import { expect, describe, it } from 'vitest';
import { createDraw } from '../../chaos/draw.ts';
import { renderPlan } from '../../chaos/plans.ts';
import { calm, drawSeries, edits, type SeriesRun } from '../../chaos/series/draw-series.ts';
import { resolvePlan } from '../../src/domain/plan/resolve-plan.ts';
import { validatePlan } from '../../src/domain/plan/validate.ts';

describe('a drawn series', () => {
  const target = { host: '127.0.0.1', port: 2222 };
  const digestsOf = (runs: readonly SeriesRun[]) =>
    runs.map((run) => {
      const { plan, problems } = validatePlan(renderPlan(run, target, 1));
      expect(problems).toBeUndefined();
      return JSON.stringify(
        resolvePlan(plan!).steps.map(({ name, needs, script, finalize }) => [name, needs, script, finalize]),
      );
    });

  it('has valid plans of one name, and ends with the same plan three times', () =>
    assert(
      property(nat({ max: 1_000_000 }), (seed) => {
        const runs = drawSeries(seed, 0, 4);
        expect(runs).toEqual(drawSeries(seed, 0, 4));
        expect(new Set(runs.map(({ name }) => name)).size).toBe(runs.length);
        expect(new Set(runs.map(({ plan }) => plan)).size).toBe(1);
        expect(new Set(digestsOf(runs).slice(-3)).size).toBe(1);
        expect(runs.map(({ isCalm }) => isCalm).slice(-3)).toEqual([false, true, true]);
      }),
    ));

  it('meets every edit and action', () => {
    const runs = Array.from({ length: 100 }, (_, index) => drawSeries(1, index, 4)).flat();
    expect(new Set(runs.map(({ action }) => action?.action))).toEqual(
      new Set([undefined, 'abort', 'cancel', 'pause', 'terminate']),
    );
    expect(runs.some(({ options }) => options?.force)).toBe(true);
    expect(runs.some(({ options }) => options?.only && !options.force)).toBe(true);
    expect(runs.some(({ steps }) => steps.some(({ always }) => always))).toBe(true);
  });

  it.each(edits.filter(({ name }) => !name.startsWith('nothing')))('$name changes the plan', ({ apply }) => {
    const [before] = drawSeries(3, 0, 1);
    const after = apply({ draw: createDraw(1, 'edit'), steps: before!.steps, nextName: 'z' });
    const [was, is] = digestsOf([before!, calm({ ...before!, ...after }, 'x')]);
    expect(is).not.toBe(was);
  });
});
