import type { Plan, Target } from '../src/domain/plan/schema.ts';
import { createDraw, type Draw } from './draw.ts';
import { renderScript, type Work } from './script.ts';

/** A drawn step. */
export interface DrawnStep {
  readonly name: string;
  readonly needs: readonly string[];
  readonly work: Work;
  readonly finalizer?: Work;
  readonly attempts: number;
  readonly backoffMs: number;
  readonly timeoutMs?: number;
  readonly always?: true;
  /** It runs on one host of its fleet only. */
  readonly once?: true;
  /** What the step declares. It reboots its host as `work.reboots` says. */
  readonly reboot?: true | 'allowed';
}

/** An action of the operator in the middle of a run, whatever its state. */
export interface DrawnAction {
  readonly action: 'abort' | 'cancel' | 'pause' | 'terminate';
  readonly afterMs: number;
}

/**
 * What follows a terminated run: the same plan, which continues live launches; another plan, which ends them; or one that
 * refuses, followed by one that ends them.
 */
export type DrawnNext = 'same' | 'end' | 'refuse';

/** A drawn run: its plan, its operator's actions and its faults. */
export interface DrawnRun {
  readonly name: string;
  readonly host: number;
  readonly steps: readonly DrawnStep[];
  readonly onStepFailure: 'park' | 'fail' | 'continue';
  readonly keepSessions: 'failed' | 'all' | 'none';
  readonly action?: DrawnAction;
  /** Set for a run that is terminated. */
  readonly next?: DrawnNext;
  /** The terminated run is deleted from the server before the next one starts. */
  readonly isDeleted?: true;
  /** Default: its name. The next run of the same plan has a different one. */
  readonly workflowId?: string;
  /** The run before it on its host was terminated. */
  readonly afterTerminated?: true;
  readonly onLeftovers?: 'end' | 'refuse';
  /** A second run for the same host starts this long after the first. */
  readonly rivalAfterMs?: number;
  /** The run whose rival it is. */
  readonly rivalOf?: string;
  /** The name of its plan, which later runs of a series share. Default: its name. */
  readonly plan?: string;
  /** What the ledger calls its plan. Default: the name of the plan. */
  readonly ledgerName?: string;
  /** Which steps it is limited to, and whether it repeats unchanged ones. */
  readonly options?: NonNullable<Plan['run']>;
}

/** Draws run number `index`, independent of the rest of the campaign. */
export function drawRun(seed: number, index: number, hosts: number): DrawnRun {
  const draw = createDraw(seed, `run ${index}`);
  const count = draw.weighted([1, 2, 2, 3, 3, 4, 5, 8].map((n) => ({ weight: n > 4 ? 1 : 2, n }))).n;
  const steps: DrawnStep[] = [];
  for (let i = 0; i < count; i += 1) steps.push(drawStep(draw, String.fromCodePoint(97 + i), steps));
  const action = draw.int(1, 100);
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
    ...(action <= 18 && {
      action: {
        action: action <= 8 ? 'abort' : action <= 12 ? 'cancel' : 'pause',
        afterMs: draw.int(200, 4000),
      },
    }),
    ...(action > 90 && {
      action: { action: 'terminate', afterMs: draw.int(500, 4000) },
      next: draw.pick(['same', 'end', 'refuse'] as const),
      ...(draw.chance(40) && { isDeleted: true as const }),
    }),
    // A rival would acquire the host after the termination.
    ...(action <= 90 && draw.chance(15) && { rivalAfterMs: draw.int(0, 2500) }),
  };
}

/** The runs that follow one that was terminated, in order. */
export function nextRuns(run: DrawnRun): DrawnRun[] {
  const { action: _action, isDeleted: _, next, ...same } = run;
  const other = (word: 'end' | 'refuse'): DrawnRun => ({
    ...smallRun(run.host, `${run.name}-${word}`),
    afterTerminated: true,
    onLeftovers: word,
  });
  switch (next) {
    case undefined:
      return [];
    case 'same':
      return [{ ...same, workflowId: `${run.name}-again`, afterTerminated: true }];
    case 'end':
      return [other('end')];
    case 'refuse':
      return [other('refuse'), other('end')];
    default:
      return next satisfies never;
  }
}

/** The workflow id of a run. */
export const workflowIdOf = ({ name, workflowId }: DrawnRun): string => workflowId ?? name;

/** The plan of a rival. */
export function rivalOf(run: DrawnRun): DrawnRun {
  return { ...smallRun(run.host, `${run.name}-rival`), rivalOf: run.name };
}

/** A short run. */
function smallRun(host: number, name: string): DrawnRun {
  const work = { lines: 1, pauseMs: 0, failsUntil: 0, failCode: 1, padding: 0 };
  const step = { name: 'a', needs: [], work, finalizer: work, attempts: 2, backoffMs: 100 };
  return { name, host, steps: [step], onStepFailure: 'fail', keepSessions: 'none' };
}

function drawStep(draw: Draw, name: string, before: readonly DrawnStep[]): DrawnStep {
  const hangs = draw.chance(4);
  const fails = draw.chance(20);
  const reboot = draw.chance(7) && draw.pick([true, 'allowed'] as const);
  const reboots = reboot === true || (reboot === 'allowed' && draw.chance(50));
  const work = hangs ? { ...drawWork(draw, 0), lines: 2, pauseMs: 60_000 } : drawWork(draw, fails ? 2 : 0);
  return {
    name,
    needs: before.filter(() => draw.chance(25)).map((step) => step.name),
    work: reboots
      ? { ...work, reboots: reboot === true && draw.chance(50) ? 'and ends' : 'and waits' }
      : work,
    ...(reboot && { reboot }),
    ...(draw.chance(30) && { finalizer: drawWork(draw, draw.chance(10) ? 1 : 0, 5) }),
    attempts: draw.pick([1, 1, 2, 3]),
    backoffMs: draw.int(50, 400),
    ...(hangs && { timeoutMs: draw.int(800, 4000) }),
  };
}

function drawWork(draw: Draw, failsUpTo: number, mostLines = 16): Work {
  return {
    lines: draw.int(1, mostLines),
    pauseMs: draw.pick([0, 50, 150, 400]),
    failsUntil: draw.int(Math.min(1, failsUpTo), failsUpTo),
    failCode: draw.int(1, 60),
    padding: draw.chance(5) ? 20_000 : draw.int(0, 60),
  };
}

export const planOf = ({ name, plan }: DrawnRun): string => plan ?? name;

export const sentinelPath = (run: DrawnRun): string => `/root/${planOf(run)}.sentinel`;

/** The plan of a drawn run. */
export function renderPlan(run: DrawnRun, target: Target, ledgerPort: number): Plan {
  const script = (kind: 'step' | 'finalizer', step: DrawnStep, work: Work) =>
    renderScript(ledgerPort, { run: run.ledgerName ?? planOf(run), kind, step: step.name }, work);
  return {
    name: planOf(run),
    target,
    onStepFailure: run.onStepFailure,
    keepSessions: run.keepSessions,
    ...(run.onLeftovers && { onLeftovers: run.onLeftovers }),
    ...(run.options && { run: run.options }),
    sentinel: { path: sentinelPath(run) },
    steps: run.steps.map((step) => ({
      name: step.name,
      needs: [...step.needs],
      script: script('step', step, step.work),
      ...(step.finalizer && { finalize: script('finalizer', step, step.finalizer) }),
      retry: { attempts: step.attempts, backoff: step.backoffMs },
      ...(step.timeoutMs !== undefined && { timeout: step.timeoutMs }),
      ...(step.always && { always: true }),
      ...(step.once && { once: true }),
      ...(step.reboot && { reboot: step.reboot }),
    })),
  };
}
