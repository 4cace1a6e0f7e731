import { createDraw, type Draw } from '../draw.ts';
import type { DrawnRun, DrawnStep } from '../plans.ts';
import type { Work } from '../script.ts';

/** A run of a series: one plan that runs on one host several times, and is edited in between. */
export interface SeriesRun extends DrawnRun {
  readonly plan: string;
  /** It meets no fault and no action, so it must reach its goal. */
  readonly isCalm: boolean;
}

interface Draft {
  readonly draw: Draw;
  readonly steps: readonly DrawnStep[];
  /** Names are never used twice. */
  readonly nextName: string;
}

/** What an operator changes between two runs. */
interface Edit {
  readonly name: string;
  readonly weight: number;
  readonly apply: (draft: Draft) => Pick<SeriesRun, 'steps' | 'options'>;
}

const MAX_STEPS = 8;

export const edits: readonly Edit[] = [
  { name: 'nothing', weight: 3, apply: ({ steps }) => ({ steps }) },
  {
    name: 'a script',
    weight: 6,
    apply: ({ draw, steps }) =>
      changeOne(draw, steps, (step) => ({ ...step, work: nextVersion(draw, step.work) })),
  },
  {
    name: 'a finalizer',
    weight: 2,
    apply: ({ draw, steps }) =>
      changeOne(draw, steps, (step) => ({
        ...step,
        finalizer: step.finalizer ? nextVersion(draw, step.finalizer) : drawWork(draw, 0),
      })),
  },
  {
    name: 'a need',
    weight: 3,
    apply({ draw, steps }) {
      const number = draw.int(1, steps.length - 1);
      const need = steps[draw.int(0, number - 1)]!.name;
      const add = (step: DrawnStep) => ({ ...step, needs: [...new Set([...step.needs, need])] });
      return { steps: steps.map((step, i) => (i === number ? add(step) : step)) };
    },
  },
  {
    name: 'one step more',
    weight: 3,
    apply: ({ draw, steps, nextName }) => ({
      steps: steps.length === MAX_STEPS ? steps : [...steps, drawStep(draw, nextName, steps)],
    }),
  },
  {
    name: 'one step less',
    weight: 2,
    apply({ draw, steps }) {
      const removable = steps.filter(({ name }) => !steps.some(({ needs }) => needs.includes(name)));
      const removed = draw.pick(removable);
      return { steps: steps.length === 2 ? steps : steps.filter((step) => step !== removed) };
    },
  },
  {
    name: 'a script, and a run limited to some steps',
    weight: 3,
    apply({ draw, steps }) {
      const changed = changeOne(draw, steps, (step) => ({ ...step, work: nextVersion(draw, step.work) }));
      return { ...changed, options: { only: [draw.pick(steps).name] } };
    },
  },
  {
    name: 'nothing, and a run that repeats some steps',
    weight: 2,
    apply: ({ draw, steps }) => ({ steps, options: { force: true, only: [draw.pick(steps).name] } }),
  },
];

/** Draws series number `index`: first a run of a new plan, then runs of the edited plan, and at last the same plan twice without faults. */
export function drawSeries(seed: number, index: number, hosts: number): SeriesRun[] {
  const draw = createDraw(seed, `series ${index}`);
  const plan = `series-${index}`;
  const names = Array.from('abcdefghijklmnopqrstuvwxyz');
  let steps: readonly DrawnStep[] = [];
  for (let count = draw.int(2, 5); count > 0; count -= 1)
    steps = [...steps, drawStep(draw, names.shift()!, steps)];
  const runs: SeriesRun[] = [];
  const add = (changes: Partial<SeriesRun>) =>
    runs.push({
      name: `${plan}.${runs.length + 1}`,
      plan,
      host: index % hosts,
      steps,
      onStepFailure: draw.pick(['park', 'park', 'fail', 'continue'] as const),
      keepSessions: draw.pick(['failed', 'all', 'none'] as const),
      onLeftovers: draw.pick(['end', 'end', 'refuse'] as const),
      isCalm: false,
      ...drawAction(draw),
      ...changes,
    });
  add({});
  for (let count = draw.int(2, 4); count > 0; count -= 1) {
    const edited = draw.weighted(edits).apply({ draw, steps, nextName: names[0]! });
    ({ steps } = edited);
    if (steps.some(({ name }) => name === names[0])) names.shift();
    add(edited);
  }
  for (let i = 0; i < 2; i += 1) runs.push(calm(runs.at(-1)!, `${plan}.${runs.length + 1}`));
  return runs;
}

/** Enough attempts for every drawn failure. Retries are no part of what a step is, so the plan stays the same. */
export const CALM_ATTEMPTS = 3;

/** The run of the same plan without actions and limits. */
export function calm({ action: _action, options: _options, ...run }: SeriesRun, name: string): SeriesRun {
  const steps = run.steps.map((step) => ({ ...step, attempts: CALM_ATTEMPTS }));
  return { ...run, name, steps, onLeftovers: 'end', isCalm: true };
}

function drawAction(draw: Draw): Pick<SeriesRun, 'action'> {
  const [percent, afterMs] = [draw.int(1, 100), draw.int(200, 3500)];
  const action =
    percent <= 12
      ? 'abort'
      : percent <= 18
        ? 'cancel'
        : percent <= 24
          ? 'pause'
          : percent <= 44
            ? 'terminate'
            : undefined;
  return action ? { action: { action, afterMs } } : {};
}

function changeOne(draw: Draw, steps: readonly DrawnStep[], change: (step: DrawnStep) => DrawnStep) {
  const number = draw.int(0, steps.length - 1);
  return { steps: steps.map((step, i) => (i === number ? change(step) : step)) };
}

export function drawStep(draw: Draw, name: string, before: readonly DrawnStep[]): DrawnStep {
  return {
    name,
    needs: before.filter(() => draw.chance(35)).map((step) => step.name),
    work: drawWork(draw, 12),
    ...(draw.chance(35) && { finalizer: drawWork(draw, 5) }),
    attempts: draw.pick([1, 2]),
    backoffMs: draw.int(50, 300),
    ...(draw.chance(8) && { always: true as const }),
  };
}

function drawWork(draw: Draw, failPercent: number): Work {
  return {
    lines: draw.int(1, 5),
    pauseMs: draw.pick([0, 100, 400]),
    failsUntil: draw.chance(failPercent) ? 1 : 0,
    failCode: draw.int(1, 60),
    padding: 0,
    version: 1,
  };
}

function nextVersion(draw: Draw, work: Work): Work {
  return { ...drawWork(draw, 12), version: (work.version ?? 0) + 1 };
}
