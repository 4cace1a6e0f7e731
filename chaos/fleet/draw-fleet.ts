import type { FleetActionInputs, FleetActionName } from '../../src/domain/fleet/fleet-actions.ts';
import type { FleetInput } from '../../src/domain/fleet/schema.ts';
import type { Target } from '../../src/domain/plan/schema.ts';
import { createDraw, type Draw } from '../draw.ts';
import { renderPlan, type DrawnAction, type DrawnRun, type DrawnStep } from '../plans.ts';
import { CALM_ATTEMPTS, drawStep, type SeriesRun } from '../series/draw-series.ts';

/** A host of a drawn fleet. */
export interface FleetNode {
  /** `n0`, `n1`, … */
  readonly name: string;
  /** Its number on the stage. */
  readonly host: number;
  readonly zone: string;
  /** Up to which attempt each step fails there. */
  readonly fails: Readonly<Record<string, number>>;
  /** What an operator does to a run of this host, whatever the fleet is doing. */
  readonly action?: DrawnAction;
}

/** An action of the operator of a fleet at a time, whatever its state. `cancel` is Temporal's own. */
export interface TimedAction {
  readonly afterMs: number;
  readonly name: FleetActionName | 'cancel';
  readonly input: object;
}

/** How a fleet reaches its hosts. */
export type DrawnRollout = Pick<
  FleetInput,
  'waves' | 'pause' | 'slowStart' | 'maxWaveFailures' | 'parkGrace' | 'order' | 'seed'
> & { readonly concurrency: number; readonly maxFailures: number | string };

/** A fleet: one plan for several hosts, how it reaches them, and what its operator does. */
export interface DrawnFleet extends Pick<DrawnRun, 'steps' | 'onStepFailure' | 'keepSessions'> {
  readonly name: string;
  readonly nodes: readonly FleetNode[];
  readonly rollout: DrawnRollout;
  readonly actions: readonly TimedAction[];
  /** It meets no fault and no action, so every host must reach its goal. */
  readonly isCalm: boolean;
}

/** Draws fleet number `index`, on these hosts of the stage. */
export function drawFleet(seed: number, index: number, hosts: readonly number[]): DrawnFleet {
  const draw = createDraw(seed, `fleet ${index}`);
  let steps: DrawnStep[] = [];
  for (let count = draw.int(1, 4); count > 0; count -= 1)
    steps = [...steps, drawStep(draw, 'abcd'[steps.length]!, steps)];
  if (steps.length > 1 && draw.chance(40)) {
    const { always: _, ...once } = steps[draw.int(0, steps.length - 1)]!;
    steps = steps.map((step) => (step.name === once.name ? { ...once, once: true } : step));
  }
  const nodes = hosts.map((host, i): FleetNode => {
    const action = drawHostAction(draw);
    return {
      name: `n${i}`,
      host,
      zone: draw.pick(['east', 'west']),
      fails: Object.fromEntries(
        steps.map(({ name, work }) => [
          name,
          Math.max(work.failsUntil, draw.chance(12) ? draw.int(1, 2) : 0),
        ]),
      ),
      ...(action && { action }),
    };
  });
  return {
    name: `fleet-${index}`,
    steps: steps.map((step) => ({ ...step, work: { ...step.work, failsUntilVariable: variableOf(step) } })),
    onStepFailure: draw.pick(['park', 'park', 'park', 'fail', 'continue'] as const),
    keepSessions: draw.pick(['failed', 'all', 'none'] as const),
    nodes,
    rollout: drawRollout(draw, hosts.length),
    actions: drawActions(draw, nodes),
    isCalm: false,
  };
}

const variableOf = ({ name }: DrawnStep) => `FAILS_${name}`;

function drawHostAction(draw: Draw): DrawnAction | undefined {
  const [percent, afterMs] = [draw.int(1, 100), draw.int(500, 12_000)];
  if (percent > 14) return undefined;
  const action = percent <= 4 ? 'abort' : percent <= 6 ? 'cancel' : percent <= 9 ? 'pause' : 'terminate';
  return { action, afterMs };
}

function drawRollout(draw: Draw, hosts: number): DrawnRollout {
  const waves = draw.pick([undefined, [1], [1, '100%'], [2], ['50%'], { label: 'zone' }] as const);
  const pause = draw.pick([
    undefined,
    {},
    draw.int(200, 2000),
    { check: 'exit 0' },
    { check: 'exit 3', timeout: 500 },
  ]);
  const parkGrace = draw.pick([undefined, undefined, 1000, 4000, 60_000]);
  return {
    ...(waves && { waves: 'label' in waves ? waves : [...waves] }),
    ...(waves && pause !== undefined && { pause }),
    concurrency: draw.int(1, hosts),
    slowStart: draw.pick([0, 1000]),
    maxFailures: draw.pick([0, 0, 1, '25%', '50%']),
    ...(draw.chance(20) && { maxWaveFailures: draw.int(0, 1) }),
    ...(parkGrace !== undefined && { parkGrace }),
    order: draw.pick(['inventory', 'sorted', 'reverse', 'shuffle'] as const),
    seed: draw.int(0, 1_000_000),
  };
}

function at<Name extends FleetActionName>(
  name: Name,
  input: FleetActionInputs[Name],
  afterMs: number,
): TimedAction {
  return { name, input, afterMs };
}

function drawActions(draw: Draw, nodes: readonly FleetNode[]): TimedAction[] {
  const actions: TimedAction[] = [];
  const beganMs = () => draw.int(300, 10_000);
  if (draw.chance(25)) {
    const pausedMs = beganMs();
    actions.push(at('pause', {}, pausedMs), at('resume', {}, pausedMs + draw.int(300, 3000)));
  }
  if (draw.chance(30))
    actions.push(at('setConcurrency', { concurrency: draw.int(1, nodes.length) }, beganMs()));
  if (draw.chance(20)) actions.push(at('setMaxFailures', { maxFailures: draw.int(0, 2) }, beganMs()));
  if (draw.chance(20)) actions.push(at('skipHosts', { hosts: [draw.pick(nodes).name] }, beganMs()));
  if (draw.chance(15)) actions.push(at('retry', { which: 'notStarted' }, beganMs()));
  if (draw.chance(10))
    actions.push(at('abort', { running: draw.pick(['finish', 'end']), reason: 'drawn' }, beganMs()));
  if (draw.chance(4)) actions.push({ name: 'cancel', input: {}, afterMs: beganMs() });
  return actions;
}

/** The same plan on the same hosts once more, without faults and actions: it does what the fleet before it has left. */
export function calmFleet(fleet: DrawnFleet): DrawnFleet {
  const { order, seed } = fleet.rollout;
  return {
    ...fleet,
    steps: fleet.steps.map((step) => ({ ...step, attempts: CALM_ATTEMPTS })),
    nodes: fleet.nodes.map(({ action: _action, ...node }) => node),
    rollout: { order, seed, concurrency: fleet.nodes.length, slowStart: 0, maxFailures: 0 },
    actions: [],
    isCalm: true,
  };
}

/** What the ledger calls the plan on a host. */
export const ledgerName = ({ name }: DrawnFleet, node: FleetNode) => `${name}.${node.name}`;

/** Run number `number` of a host, as the series of its runs has it. Only one host runs the steps that run once. */
export function runOfNode(fleet: DrawnFleet, node: FleetNode, number: number, withOnce: boolean): SeriesRun {
  const { name, onStepFailure, keepSessions, isCalm } = fleet;
  const steps = withOnce ? fleet.steps : fleet.steps.filter(({ once }) => !once);
  const names = new Set(steps.map((step) => step.name));
  return {
    name: `${ledgerName(fleet, node)}.${number}`,
    plan: name,
    host: node.host,
    steps: steps.map((step) => ({ ...step, needs: step.needs.filter((need) => names.has(need)) })),
    onStepFailure,
    keepSessions,
    ...(node.action && { action: node.action }),
    isCalm,
  };
}

/** The input of the workflow. The steps report to the ledger with NODE, a variable that has another value on each host. */
export function renderFleet(fleet: DrawnFleet, targets: readonly Target[], ledgerPort: number): FleetInput {
  const { name, nodes, rollout, steps, onStepFailure, keepSessions } = fleet;
  const run: DrawnRun = {
    name,
    host: 0,
    ledgerName: `${name}.$NODE`,
    steps,
    onStepFailure,
    keepSessions,
    onLeftovers: 'end',
  };
  const { target: _, ...plan } = renderPlan(run, targets[0]!, ledgerPort);
  return {
    name,
    plan,
    ...rollout,
    hosts: nodes.map((node, i) => ({
      name: node.name,
      target: targets[i]!,
      labels: { zone: node.zone },
      env: {
        NODE: node.name,
        ...Object.fromEntries(steps.map((step) => [variableOf(step), String(node.fails[step.name])])),
      },
    })),
  };
}
