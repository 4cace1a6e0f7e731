import type { Plan, Target } from '../src/domain/schema.ts';
import { createDraw, type Draw } from './draw.ts';
import { renderScript, type Work } from './script.ts';

/** A step as it was drawn. */
export interface DrawnStep {
  readonly name: string;
  readonly needs: readonly string[];
  readonly work: Work;
  readonly finalizer?: Work;
  readonly attempts: number;
  readonly backoffMs: number;
  readonly timeoutMs?: number;
}

/** Something that a person does in the middle of a run, however it goes. */
export interface DrawnOrder {
  readonly order: 'abort' | 'cancel' | 'pause';
  readonly afterMs: number;
}

/** A run as it was drawn: what it does, what its operator does, which faults it meets. */
export interface DrawnRun {
  readonly name: string;
  readonly host: number;
  readonly steps: readonly DrawnStep[];
  readonly onStepFailure: 'park' | 'fail' | 'continue';
  readonly keepSessions: 'failed' | 'all' | 'none';
  readonly order?: DrawnOrder;
  /** A second run for the same host comes this long after the first. */
  readonly rivalAfterMs?: number;
  /** The run that it is the rival of. */
  readonly rivalOf?: string;
}

/** Draws the run number `index`; nothing else of the campaign changes it. */
export function drawRun(seed: number, index: number, hosts: number): DrawnRun {
  const draw = createDraw(seed, `run ${index}`);
  const count = draw.weighted([1, 2, 2, 3, 3, 4, 5, 8].map((n) => ({ weight: n > 4 ? 1 : 2, n }))).n;
  const steps: DrawnStep[] = [];
  for (let i = 0; i < count; i += 1) steps.push(drawStep(draw, String.fromCodePoint(97 + i), steps));
  const order = draw.int(1, 100);
  return {
    name: `run-${index}`,
    host: index % hosts,
    steps,
    onStepFailure: draw.weighted([
      { weight: 3, on: 'park' as const },
      { weight: 1, on: 'fail' as const },
      { weight: 1, on: 'continue' as const },
    ]).on,
    keepSessions: draw.pick(['failed', 'failed', 'all', 'none'] as const),
    ...(order <= 18 && {
      order: {
        order: order <= 8 ? 'abort' : order <= 12 ? 'cancel' : 'pause',
        afterMs: draw.int(200, 4000),
      },
    }),
    ...(draw.chance(15) && { rivalAfterMs: draw.int(0, 2500) }),
  };
}

/** A run that does little: what a rival of another run brings. */
export function rivalOf(run: DrawnRun): DrawnRun {
  const work = { lines: 1, pauseMs: 0, failsUntil: 0, failCode: 1, padding: 0 };
  const step = { name: 'a', needs: [], work, finalizer: work, attempts: 2, backoffMs: 100 };
  return {
    name: `${run.name}-rival`,
    rivalOf: run.name,
    host: run.host,
    steps: [step],
    onStepFailure: 'fail',
    keepSessions: 'none',
  };
}

function drawStep(draw: Draw, name: string, before: readonly DrawnStep[]): DrawnStep {
  const hangs = draw.chance(4);
  const fails = draw.chance(20);
  return {
    name,
    needs: before.filter(() => draw.chance(25)).map((step) => step.name),
    work: hangs ? { ...drawWork(draw, 0), lines: 2, pauseMs: 60_000 } : drawWork(draw, fails ? 2 : 0),
    ...(draw.chance(30) && { finalizer: drawWork(draw, draw.chance(10) ? 1 : 0, 5) }),
    attempts: draw.pick([1, 1, 2, 3]),
    backoffMs: draw.int(50, 400),
    ...(hangs && { timeoutMs: draw.int(800, 2000) }),
  };
}

function drawWork(draw: Draw, failsUpTo: number, mostLines = 16): Work {
  return {
    lines: draw.int(1, mostLines),
    pauseMs: draw.pick([0, 50, 100, 150]),
    failsUntil: draw.int(Math.min(1, failsUpTo), failsUpTo),
    failCode: draw.int(1, 60),
    padding: draw.chance(5) ? 20_000 : draw.int(0, 60),
  };
}

export const sentinelPath = (run: DrawnRun): string => `/root/${run.name}.sentinel`;

/** The drawn run as Chandler is given it. */
export function renderPlan(run: DrawnRun, target: Target, ledgerPort: number): Plan {
  const script = (kind: 'step' | 'finalizer', step: DrawnStep, work: Work) =>
    renderScript(ledgerPort, { run: run.name, kind, step: step.name }, work);
  return {
    name: run.name,
    target,
    onStepFailure: run.onStepFailure,
    keepSessions: run.keepSessions,
    sentinel: { path: sentinelPath(run) },
    steps: run.steps.map((step) => ({
      name: step.name,
      needs: [...step.needs],
      script: script('step', step, step.work),
      ...(step.finalizer && { finalize: script('finalizer', step, step.finalizer) }),
      retry: { attempts: step.attempts, backoff: step.backoffMs },
      ...(step.timeoutMs !== undefined && { timeout: step.timeoutMs }),
    })),
  };
}
