import { assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraw } from '../../chaos/draw.ts';
import { faultKinds } from '../../chaos/faults.ts';
import { drawRun, nextRuns, renderPlan, rivalOf, workflowIdOf } from '../../chaos/plans.ts';
import { drawFaults } from '../../chaos/schedule.ts';
import { validatePlan } from '../../src/domain/plan/validate.ts';

const seeds = nat({ max: 1_000_000 });
const target = { host: '127.0.0.1', port: 2222 };

describe('a seed', () => {
  it('determines the runs and faults in whatever order they are drawn', () =>
    assert(
      property(seeds, nat({ max: 500 }), (seed, index) => {
        const [run, faults] = [drawRun(seed, index, 4), drawFaults(seed, index)];
        drawRun(seed, index + 1, 4);
        expect(drawRun(seed, index, 4)).toEqual(run);
        expect(drawFaults(seed, index)).toEqual(faults);
      }),
    ));

  it('gives other runs than the next seed', () => {
    const runs = Array.from({ length: 50 }, (_, seed) => JSON.stringify(drawRun(seed, 0, 1)));
    expect(new Set(runs).size).toBe(50);
  });

  it('gives valid plans with one to eight steps', () =>
    assert(
      property(seeds, (seed) => {
        const run = drawRun(seed, 0, 1);
        expect(run.steps.length).toBeGreaterThanOrEqual(1);
        expect(run.steps.length).toBeLessThanOrEqual(8);
        for (const it of [run, rivalOf(run)])
          expect(validatePlan(renderPlan(it, target, 1)).problems).toBeUndefined();
      }),
    ));

  it('draws every kind of fault and every feature of a plan within a few hundred runs', () => {
    const indexes = Array.from({ length: 300 }, (_, index) => index);
    const faults = indexes.flatMap((index) => drawFaults(1, index));
    for (const at of ['time', 'window'])
      expect(new Set(faults.filter(({ moment }) => moment.at === at).map(({ kind }) => kind.name))).toEqual(
        new Set([...faultKinds.map(({ name }) => name), ...(at === 'window' ? ['host program killed'] : [])]),
      );
    const runs = indexes.map((index) => drawRun(1, index, 4));
    const steps = runs.flatMap((run) => run.steps);
    expect(new Set(runs.map(({ action }) => action?.action))).toEqual(
      new Set([undefined, 'abort', 'cancel', 'pause', 'terminate']),
    );
    expect(new Set(runs.filter(({ isDeleted }) => isDeleted).map(({ next }) => next))).toEqual(
      new Set(['same', 'end', 'refuse']),
    );
    const nexts = runs.flatMap(nextRuns);
    expect(nexts.some(({ isDeleted }) => isDeleted)).toBe(false);
    expect(new Set(nexts.map(({ onLeftovers }) => onLeftovers))).toEqual(
      new Set([undefined, 'end', 'refuse']),
    );
    const ids = [...runs, ...nexts].map(workflowIdOf);
    expect(new Set(ids).size).toBe(ids.length);
    expect(runs.some(({ rivalAfterMs }) => rivalAfterMs !== undefined)).toBe(true);
    expect(steps.some(({ needs }) => needs.length > 0)).toBe(true);
    expect(steps.some(({ finalizer }) => finalizer)).toBe(true);
    expect(steps.some(({ work }) => work.failsUntil > 0)).toBe(true);
    expect(steps.some(({ timeoutMs }) => timeoutMs !== undefined)).toBe(true);
  });

  it('draws by weight and within bounds', () => {
    const draw = createDraw(1, 'weights');
    const drawn = Array.from(
      { length: 1000 },
      () =>
        draw.weighted([
          { weight: 9, n: 1 },
          { weight: 1, n: 2 },
        ]).n,
    );
    const ones = drawn.filter((n) => n === 1).length;
    expect(ones).toBeGreaterThan(850);
    expect(ones).toBeLessThan(950);
    expect(new Set(Array.from({ length: 200 }, () => draw.int(3, 5)))).toEqual(new Set([3, 4, 5]));
  });
});
