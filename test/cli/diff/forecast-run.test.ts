import { describe, expect, it } from 'vitest';
import type { HostInspection } from '../../../src/activities/activity-types.ts';
import { exitCodeOfDiffs } from '../../../src/cli/diff/run-diff.ts';
import type { Diff } from '../../../src/cli/output/outputs.ts';
import { forecastRun } from '../../../src/cli/diff/forecast-run.ts';
import { stepsToCheck } from '../../../src/domain/run/forecast.ts';
import { makeLaunch } from '../../../src/domain/run/ids.ts';
import type { LaunchState } from '../../../src/domain/run/launch-state.ts';
import { partDigest } from '../../../src/domain/run/part-record.ts';
import { planDigest, resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import type { Plan } from '../../../src/domain/plan/schema.ts';
import type { Inspection } from '../../../src/workflows/index.ts';
import { makeInspection } from '../make-inspection.ts';

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
const sentinel = (content: string): HostInspection['sentinel'] => ({
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

describe('the forecast of a run', () => {
  it.each<
    [
      what: string,
      outcome: Diff['outcome'],
      message: RegExp,
      host: Inspection['host'],
      change?: Partial<Plan>,
    ]
  >([
    ['a host that was never used', 'would-run', /run 2 of 2 steps and 1 finalizer$/, makeInspection()],
    ['a host that cannot be inspected', 'unknown', /recorded nowhere \(host-key-unknown\)/, { failure }],
    [
      'a sentinel of this plan',
      'nothing-to-do',
      /change nothing/,
      makeInspection({ sentinel: sentinel(JSON.stringify({ digest })) }),
    ],
    [
      'a sentinel of this plan with a skipped step',
      'would-run',
      /run 2 of 2 steps/,
      makeInspection({
        sentinel: sentinel(
          JSON.stringify({ digest: `${digest}+skipped`, steps: [{ name: 'a', state: 'skipped' }] }),
        ),
      }),
    ],
    ['a sentinel of nobody', 'nothing-to-do', /change nothing/, makeInspection({ sentinel: sentinel('') })],
    [
      'a sentinel of another plan',
      'would-run',
      /run 2 of 2/,
      makeInspection({ sentinel: sentinel(JSON.stringify({ digest: 'other' })) }),
    ],
    [
      'a sentinel that is to be ignored',
      'would-run',
      /run 2 of 2/,
      makeInspection({ sentinel: sentinel(JSON.stringify({ digest })) }),
      { sentinel: { whenPresent: 'ignore' } },
    ],
    [
      'a sentinel that cannot be read',
      'would-fail',
      /not a readable file/,
      makeInspection({ sentinel: { path: '/p', found: 'unreadable' } }),
    ],
    [
      'a sentinel that cannot be written',
      'would-fail',
      /could not be written/,
      makeInspection({ sentinel: { path: '/p', found: 'absent', unwritable: '/ is read-only' } }),
    ],
    [
      'tools that are missing, though the sentinel says done',
      'would-fail',
      /has no flock/,
      makeInspection({ sentinel: sentinel(''), missing: { tools: ['flock'], packages: ['util-linux'] } }),
    ],
    [
      'a run that is at work',
      'would-fail',
      /held by run w,/,
      makeInspection({ holder: makeInspection.heldBy('w', true) }),
    ],
    [
      'a run that is over',
      'would-run',
      /run 2/,
      makeInspection({ holder: makeInspection.heldBy('w', false) }),
    ],
    [
      'a script at work on another plan',
      'would-fail',
      /runs another plan/,
      makeInspection({
        holder: { kind: 'script', atWork: true },
        script: makeInspection.script({ alive: true }),
      }),
    ],
    [
      'a script at work on this plan',
      'would-run',
      /run 2/,
      makeInspection({
        holder: { kind: 'script', atWork: true },
        script: makeInspection.script({ alive: true, digest }),
      }),
    ],
    [
      'a zmx that cannot be had',
      'would-fail',
      /no tmux/,
      makeInspection({ zmx: { kind: 'fails', code: 'zmx-unavailable', message: 'no tmux', advice: 'x' } }),
    ],
  ])('%s', (_, outcome, message, host, change = {}) => {
    const diff = forecastRun({ ...plan, ...change }, inspect(host));
    expect(diff).toMatchObject({ outcome, message: expect.stringMatching(message) as string });
  });

  it.each<
    [
      what: string,
      would: string,
      outcome: Diff['outcome'],
      host: Partial<HostInspection>,
      change: Partial<Plan>,
    ]
  >([
    ['of other work', 'fail', 'would-fail', {}, {}],
    ['of other work that the plan ends', 'do', 'would-run', {}, { onLeftovers: 'end' }],
    [
      'of the same work, though the sentinel says done',
      'wait',
      'would-run',
      { holder: { ...makeInspection.heldBy('w', false), digest } as NonNullable<HostInspection['holder']> },
      { sentinel: { whenPresent: 'skip' } },
    ],
  ])('what is left running %s', (_, would, outcome, more, change) => {
    const leftover = {
      launch: makeLaunch('r', 'x', 'step', 1),
      state: 'running',
      processes: 1,
      workflowId: 'w',
      atWork: false,
    } as const;
    const host = makeInspection({
      holder: makeInspection.heldBy('w', false),
      leftovers: [leftover],
      ...more,
    });
    const whole = { ...plan, sentinel: { whenPresent: 'ignore' as const }, ...change };
    const diff = forecastRun(whole, inspect({ ...host, sentinel: sentinel('') }));
    expect(diff.outcome).toBe(outcome);
    expect(diff.rows.find(({ kind }) => kind === 'leftover')).toMatchObject({ name: 'x', would });
  });

  it('leftovers on a host that no run holds do not stop a run', () => {
    const leftover = {
      launch: makeLaunch('r', 'x', 'step', 1),
      state: 'running',
      processes: 1,
      atWork: false,
    } as const;
    const diff = forecastRun(plan, inspect(makeInspection({ leftovers: [leftover] })));
    expect(diff.rows.filter(({ kind }) => kind === 'leftover')).toEqual([]);
  });

  it('a run of the same id is reported even before it has reached the host', () => {
    expect(forecastRun(plan, inspect(makeInspection()), 'provision:h:22')).toMatchObject({
      outcome: 'would-fail',
      message: 'a run would fail: lease: run provision:h:22 is at work already',
    });
  });

  it('a secret that the worker lacks fails even a done step, unless the host is provisioned', () => {
    const lacks = [
      {
        path: 'steps[0].secrets.S',
        step: 'a',
        failure: { code: 'secret-unavailable', message: 'no such', advice: 'x' } as const,
      },
    ];
    const inspection = inspect(makeInspection());
    const without = { ...inspection, worker: { ...inspection.worker, lacks } };
    expect(forecastRun(plan, without).outcome).toBe('would-fail');
    const host = makeInspection({ launches: launches({ a: exited(0) }) });
    expect(forecastRun(plan, { ...without, host }).outcome).toBe('would-fail');
    const provisioned = makeInspection({ sentinel: sentinel('') });
    expect(forecastRun(plan, { ...without, host: provisioned }).outcome).toBe('nothing-to-do');
  });
});

describe('what earlier runs recorded', () => {
  const id = (letter: string) => letter.repeat(20);
  const resolved = resolvePlan(plan);
  const digestOf = (step: number, kind: 'step' | 'finalizer') => partDigest(resolved.steps[step]!, kind);
  const recorded = {
    'step.a': { digest: digestOf(0, 'step'), launch: id('a'), needs: [], isDone: true },
    'step.b': { digest: digestOf(1, 'step'), launch: id('b'), needs: [id('a')], isDone: true },
    'finalizer.a': {
      digest: digestOf(0, 'finalizer'),
      launch: id('f'),
      needs: [id('a'), id('b')],
      isDone: true,
    },
  };
  const wouldBe = (changes: object, steps = plan.steps) =>
    forecastRun({ ...plan, steps }, inspect(makeInspection({ recorded: { ...recorded, ...changes } })))
      .rows.filter(({ name }) => name !== undefined)
      .map(({ name, kind, would }) => `${kind} ${name} ${would}`);

  it('is kept if it is unchanged', () => {
    expect(wouldBe({})).toEqual(['step a keep', 'step b keep', 'finalizer a keep']);
  });
  it('is done again if it failed, with its dependents and the finalizers', () => {
    const failed = { ...recorded['step.a'], isDone: false };
    expect(wouldBe({ 'step.a': failed })).toEqual(['step a do', 'step b do', 'finalizer a do']);
  });
  it('is done again if its script changed', () => {
    const [a, b] = plan.steps;
    expect(wouldBe({}, [a!, { ...b!, script: 'y' }])).toEqual(['step a keep', 'step b do', 'finalizer a do']);
  });
});

describe('a step', () => {
  const rowOf = (step: string, inspection: Inspection) =>
    forecastRun(plan, inspection).rows.find(({ kind, name }) => kind === 'step' && name === step);

  it.each<[what: string, checks: Inspection['checks'], would: string, message: string]>([
    ['satisfied', [{ step: 'b', code: 0 }], 'keep', 'its check is satisfied'],
    ['not', [{ step: 'b', code: 3 }], 'do', 'runs, after a; its check fails (exit 3)'],
    [
      'ended by its own time limit',
      [{ step: 'b', code: 124 }],
      'do',
      'runs, after a; its check fails (exit 124)',
    ],
    [
      'not to be asked',
      [{ step: 'b', failure: { ...failure, code: 'connection-lost' } }],
      'unknown',
      'recorded nowhere (connection-lost)',
    ],
    ['not asked', [], 'do', 'runs, after a'],
    [
      'satisfied, while a file differs',
      [
        {
          step: 'b',
          code: 0,
          files: [{ path: '/f', differs: 'mode', message: '/f has mode 0600, not 0644' }],
        },
      ],
      'do',
      'runs, after a; /f has mode 0600, not 0644',
    ],
  ])('whose check is %s', (_, checks, would, message) => {
    expect(rowOf('b', inspect(makeInspection(), { checks }))).toEqual({
      kind: 'step',
      name: 'b',
      would,
      message,
    });
  });

  it.each<[what: string, state: LaunchState, would: string, asked: boolean]>([
    ['done', exited(0), 'keep', true],
    ['failed', exited(1), 'do', true],
    ['cut short', { kind: 'interrupted', rebooted: true, logBytes: 0 }, 'do', true],
    ['begun', { kind: 'running', logBytes: 0 }, 'wait', false],
    ['ordered', { kind: 'created' }, 'wait', false],
  ])('that the script of the host has %s', (_, state, would, asked) => {
    const host = makeInspection({
      script: makeInspection.script({ digest }),
      launches: launches({ a: state }),
    });
    expect(rowOf('a', inspect(host))?.would).toBe(would);
    const names = stepsToCheck(resolvePlan(plan), digest, host).map(({ name }) => name);
    expect(names).toEqual(asked ? ['a', 'b'] : ['b']);
  });

  it('runs even if the sentinel marks the host as provisioned', () => {
    const host = makeInspection({ sentinel: sentinel('') });
    expect(stepsToCheck(resolvePlan(plan), digest, host).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('that was done and has drifted is shown as drift, and a run that continues keeps it', () => {
    const host = makeInspection({
      script: makeInspection.script({ digest }),
      launches: launches({ a: exited(0) }),
    });
    const checks = [{ step: 'a', code: 3 }];
    expect(rowOf('a', inspect(host, { checks }))).toEqual({
      kind: 'step',
      name: 'a',
      would: 'drift',
      message: 'done by the self-provisioning script, but its check fails (exit 3)',
    });
  });

  it('C1: that was skipped runs, and then its dependents and the finalizers run again', () => {
    const host = makeInspection({
      sentinel: sentinel(
        JSON.stringify({ digest: `${digest}+skipped`, steps: [{ name: 'a', state: 'skipped' }] }),
      ),
      // However it ended: it was skipped.
      launches: launches({ a: exited(0), b: exited(0) }),
    });
    const { rows } = forecastRun(plan, inspect(host));
    expect(rows.filter(({ kind }) => kind === 'step' || kind === 'finalizer')).toEqual([
      { kind: 'step', name: 'a', would: 'do', message: 'runs; it was skipped by an operator' },
      {
        kind: 'step',
        name: 'b',
        would: 'do',
        message: 'done by an earlier run; runs again, because what it needs does',
      },
      { kind: 'finalizer', name: 'a', would: 'do', message: 'runs after every step' },
    ]);
  });
});

describe('a provisioned host', () => {
  const provisioned = makeInspection({ sentinel: sentinel(JSON.stringify({ digest })) });
  const diffOf = (checks: Inspection['checks']) => forecastRun(plan, inspect(provisioned, { checks }));

  it.each<
    [what: string, checks: Inspection['checks'], outcome: Diff['outcome'], message: RegExp, would: string[]]
  >([
    ['nothing was asked', [], 'nothing-to-do', /change nothing$/, []],
    [
      'every check is satisfied',
      [
        { step: 'a', code: 0 },
        { step: 'b', code: 0 },
      ],
      'nothing-to-do',
      /change nothing$/,
      ['keep', 'keep'],
    ],
    [
      'a check says no',
      [
        { step: 'a', code: 0 },
        { step: 'b', code: 1 },
      ],
      'drifted',
      /^b drifted, and a run would change nothing/,
      ['keep', 'drift'],
    ],
    [
      'a file differs, and the check gives no answer',
      [{ step: 'a', failure, files: [{ path: '/f', differs: 'missing', message: '/f is missing' }] }],
      'drifted',
      /^a drifted/,
      ['drift'],
    ],
    [
      'a file differs',
      [{ step: 'a', files: [{ path: '/f', differs: 'missing', message: '/f is missing' }] }],
      'drifted',
      /^a drifted/,
      ['drift'],
    ],
    ['the files of a step are in place', [{ step: 'a' }], 'nothing-to-do', /change nothing$/, ['keep']],
    [
      'a check gives no answer',
      [
        { step: 'a', failure },
        { step: 'b', code: 0 },
      ],
      'unknown',
      /as far as is known: a gave no answer$/,
      ['unknown', 'keep'],
    ],
  ])('where %s', (_, checks, outcome, message, would) => {
    const diff = diffOf(checks);
    expect(diff).toMatchObject({ outcome, message: expect.stringMatching(message) as string });
    expect(diff.rows.filter(({ kind }) => kind === 'step').map((row) => row.would)).toEqual(would);
  });
});

it.each<[outcomes: Diff['outcome'][], plain: number, counting: number]>([
  [['nothing-to-do'], 0, 0],
  [['would-run', 'nothing-to-do'], 0, 1],
  [['nothing-to-do', 'drifted'], 0, 1],
  [['nothing-to-do', 'would-fail'], 1, 1],
  [['unknown'], 1, 1],
])('%j exits with %d, and %d with --exit-code', (outcomes, plain, counting) => {
  const diffs = outcomes.map((outcome) => ({ outcome }));
  expect([exitCodeOfDiffs(diffs, false), exitCodeOfDiffs(diffs, true)]).toEqual([plain, counting]);
});
