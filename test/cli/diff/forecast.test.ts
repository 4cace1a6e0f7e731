import { describe, expect, it } from 'vitest';
import type { HostSight } from '../../../src/activities/types.ts';
import { exitCodeOfDiffs } from '../../../src/cli/diff/run.ts';
import { forecastRun, type DiffOutcome } from '../../../src/cli/diff/forecast.ts';
import { stepsToCheck } from '../../../src/domain/forecast.ts';
import { makeLaunch } from '../../../src/domain/ids.ts';
import type { LaunchState } from '../../../src/domain/launch-state.ts';
import { planDigest, resolvePlan } from '../../../src/domain/plan.ts';
import type { Plan } from '../../../src/domain/schema.ts';
import type { Inspection } from '../../../src/workflows/index.ts';
import { makeSight } from '../make-sight.ts';

const plan: Plan = {
  name: 'p',
  target: { host: 'h' },
  steps: [
    { name: 'a', script: 'x', check: 'c', finalize: 'f' },
    { name: 'b', script: 'x', needs: ['a'], check: 'c' },
  ],
};
const digest = planDigest(plan);
const failure = { code: 'host-key-unknown', message: 'recorded nowhere', advice: 'Pin it.' } as const;
const inspect = (host: Inspection['host'], more: Partial<Inspection> = {}): Inspection => ({
  startedAtMs: 0,
  worker: { identity: 'w', version: '1', aheadMs: 0, findings: [], lacks: [] },
  ...(host && { host }),
  checks: [],
  ...more,
});
const sentinel = (content: string): HostSight['sentinel'] => ({
  path: '/s/provisioned',
  found: 'present',
  content,
});
const launches = (states: Record<string, LaunchState>) =>
  Object.entries(states).map(([step, state]) => ({ launch: makeLaunch('o', step, 'step', 1), state }));
const exited = (code: number): LaunchState => ({
  kind: 'exited',
  code,
  endedAtMs: 1,
  elapsedMs: 1,
  logBytes: 0,
});

describe('what a run would come to', () => {
  it.each<
    [what: string, outcome: DiffOutcome, says: RegExp, host: Inspection['host'], change?: Partial<Plan>]
  >([
    ['a host that was never used', 'would-run', /run 2 of 2 steps and 1 finalizer$/, makeSight()],
    ['a host that cannot be looked at', 'unknown', /recorded nowhere \(host-key-unknown\)/, { failure }],
    [
      'a sentinel of this plan',
      'nothing-to-do',
      /change nothing/,
      makeSight({ sentinel: sentinel(JSON.stringify({ digest })) }),
    ],
    ['a sentinel of nobody', 'nothing-to-do', /change nothing/, makeSight({ sentinel: sentinel('') })],
    [
      'a sentinel of another plan',
      'would-run',
      /run 2 of 2/,
      makeSight({ sentinel: sentinel(JSON.stringify({ digest: 'other' })) }),
    ],
    [
      'a sentinel that is to be ignored',
      'would-run',
      /run 2 of 2/,
      makeSight({ sentinel: sentinel(JSON.stringify({ digest })) }),
      { sentinel: { whenPresent: 'ignore' } },
    ],
    [
      'a sentinel that cannot be read',
      'would-fail',
      /not a file/,
      makeSight({ sentinel: { path: '/p', found: 'unreadable' } }),
    ],
    [
      'a sentinel that cannot be written',
      'would-fail',
      /could not be written/,
      makeSight({ sentinel: { path: '/p', found: 'absent', unwritable: '/ is read-only' } }),
    ],
    [
      'tools that are missing, though the sentinel says done',
      'would-fail',
      /has no flock/,
      makeSight({ sentinel: sentinel(''), missing: { tools: ['flock'], packages: ['util-linux'] } }),
    ],
    [
      'a run that is at work',
      'would-fail',
      /held by run w,/,
      makeSight({ holder: makeSight.heldBy('w', true) }),
    ],
    ['a run that is over', 'would-run', /run 2/, makeSight({ holder: makeSight.heldBy('w', false) })],
    [
      'a script at work on another plan',
      'would-fail',
      /at work on another plan/,
      makeSight({ holder: { kind: 'script', atWork: true }, script: makeSight.script({ alive: true }) }),
    ],
    [
      'a script at work on this plan',
      'would-run',
      /run 2/,
      makeSight({
        holder: { kind: 'script', atWork: true },
        script: makeSight.script({ alive: true, digest }),
      }),
    ],
    [
      'a zmx that cannot be had',
      'would-fail',
      /no tmux/,
      makeSight({ zmx: { kind: 'fails', code: 'zmx-unavailable', message: 'no tmux', advice: 'x' } }),
    ],
  ])('%s', (_, outcome, says, host, change = {}) => {
    const diff = forecastRun({ ...plan, ...change }, inspect(host));
    expect(diff).toMatchObject({ outcome, says: expect.stringMatching(says) as string });
  });

  it('a run of the same id is told even before it has reached the host', () => {
    expect(forecastRun(plan, inspect(makeSight()), 'provision:h:22')).toMatchObject({
      outcome: 'would-fail',
      says: 'a run would fail: lease: run provision:h:22 is at work already',
    });
  });

  it('a secret that the worker lacks fails its step, unless that would not run', () => {
    const lacks = [
      { step: 'a', failure: { code: 'secret-unavailable', message: 'no such', advice: 'x' } as const },
    ];
    const inspection = inspect(makeSight());
    const without = { ...inspection, worker: { ...inspection.worker, lacks } };
    expect(forecastRun(plan, without).outcome).toBe('would-fail');
    const host = makeSight({ launches: launches({ a: exited(0) }) });
    expect(forecastRun(plan, { ...without, host }).outcome).toBe('would-run');
  });
});

describe('a step', () => {
  const rowOf = (step: string, inspection: Inspection) =>
    forecastRun(plan, inspection).rows.find(({ kind, name }) => kind === 'step' && name === step);

  it.each<[what: string, checks: Inspection['checks'], would: string, says: string]>([
    ['satisfied', [{ step: 'b', code: 0 }], 'keep', 'its check says that it is satisfied'],
    ['not', [{ step: 'b', code: 3 }], 'do', 'runs, after a; its check says no (exit 3)'],
    [
      'slow',
      [{ step: 'b', code: 124 }],
      'do',
      'runs, after a; its check took longer than a minute, which counts as no',
    ],
    [
      'not to be asked',
      [{ step: 'b', failure: { ...failure, code: 'connection-lost' } }],
      'unknown',
      'its check could not be asked: recorded nowhere (connection-lost)',
    ],
    ['not asked', [], 'do', 'runs, after a'],
  ])('whose check is %s', (_, checks, would, says) => {
    expect(rowOf('b', inspect(makeSight(), { checks }))).toEqual({ kind: 'step', name: 'b', would, says });
  });

  it.each<[what: string, state: LaunchState, would: string, asked: boolean]>([
    ['done', exited(0), 'keep', false],
    ['failed', exited(1), 'do', true],
    ['cut short', { kind: 'interrupted', rebooted: true, logBytes: 0 }, 'do', true],
    ['begun', { kind: 'running', logBytes: 0 }, 'wait', false],
    ['ordered', { kind: 'created' }, 'wait', false],
  ])('that the script of the host has %s', (_, state, would, asked) => {
    const host = makeSight({ script: makeSight.script({ digest }), launches: launches({ a: state }) });
    expect(rowOf('a', inspect(host))?.would).toBe(would);
    const names = stepsToCheck(resolvePlan(plan), digest, host).map(({ name }) => name);
    expect(names).toEqual(asked ? ['a', 'b'] : ['b']);
  });

  it('is not asked anything where the sentinel says done', () => {
    const host = makeSight({ sentinel: sentinel('') });
    expect(stepsToCheck(resolvePlan(plan), digest, host)).toEqual([]);
  });
});

it.each<[outcomes: DiffOutcome[], plain: number, counting: number]>([
  [['nothing-to-do'], 0, 0],
  [['would-run', 'nothing-to-do'], 0, 1],
  [['nothing-to-do', 'would-fail'], 1, 1],
  [['unknown'], 1, 1],
])('%j exits with %d, and %d with --exit-code', (outcomes, plain, counting) => {
  const diffs = outcomes.map((outcome) => ({ outcome }));
  expect([exitCodeOfDiffs(diffs, false), exitCodeOfDiffs(diffs, true)]).toEqual([plain, counting]);
});
