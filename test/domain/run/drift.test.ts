import { describe, expect, it } from 'vitest';
import { planDigest, resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import type { Plan } from '../../../src/domain/plan/schema.ts';
import { findDrift, type CheckAnswer, type RecordedWork } from '../../../src/domain/run/drift.ts';
import { partDigest, type PartRecord } from '../../../src/domain/run/part-record.ts';

const plan: Plan = {
  name: 'p',
  target: { host: 'h' },
  steps: [
    { name: 'a', script: 'x', check: 'c', finalize: 'f' },
    { name: 'b', script: 'x', needs: ['a'] },
  ],
};
const digest = planDigest(plan);
const [a, b] = resolvePlan(plan).steps;
const LAUNCHES = ['1', '2', '3', '4'].map((digit) => digit.repeat(20)) as [string, string, string, string];
const done = {
  'step.a': { digest: partDigest(a!, 'step'), launch: LAUNCHES[0], needs: [], isDone: true },
  'step.b': { digest: partDigest(b!, 'step'), launch: LAUNCHES[1], needs: [LAUNCHES[0]], isDone: true },
  'finalizer.a': {
    digest: partDigest(a!, 'finalizer'),
    launch: LAUNCHES[2],
    needs: [LAUNCHES[0], LAUNCHES[1]],
    isDone: true,
  },
} satisfies Record<string, PartRecord>;
const sentinel = (steps: object[] = [], suffix = '') => ({
  content: JSON.stringify({ digest: `${digest}${suffix}`, steps }),
});
const failure = { code: 'host-unreachable', message: 'gone', advice: 'x' } as const;
const answers = (code: number): CheckAnswer[] => [{ step: 'a', code }];

describe('what a host has of a plan', () => {
  it.each<
    [what: string, host: Partial<RecordedWork>, checks: readonly CheckAnswer[], a: string[], b: string[]]
  >([
    ['all is done', { recorded: done }, answers(0), ['in-order'], ['in-order']],
    ['it was never used', {}, answers(1), ['missing', 'never-run'], ['never-run']],
    ['it was never used, and a check is satisfied', {}, answers(0), ['in-order'], ['never-run']],
    ['only the sentinel is left', { sentinel: sentinel() }, answers(0), ['in-order'], ['in-order']],
    ['a check fails', { recorded: done }, answers(3), ['missing'], ['in-order']],
    ['a check ends by a time limit of its own', { recorded: done }, answers(124), ['missing'], ['in-order']],
    ['a check gives no answer', { recorded: done }, [{ step: 'a', failure }], ['unknown'], ['in-order']],
    [
      'a check is satisfied, and a file cannot be read in time',
      { recorded: done },
      [{ step: 'a', code: 0, failure }],
      ['unknown'],
      ['in-order'],
    ],
    [
      'a check gives no answer, and a file differs',
      { recorded: done },
      [{ step: 'a', failure, files: [{ path: '/f', differs: 'missing', message: '/f is missing' }] }],
      ['file'],
      ['in-order'],
    ],
    [
      'a check gives no answer, and the step was never run',
      {},
      [{ step: 'a', failure }],
      ['never-run'],
      ['never-run'],
    ],
    [
      'a file differs',
      { recorded: done },
      [
        { step: 'a', code: 0 },
        { step: 'b', files: [{ path: '/f', differs: 'missing', message: '/f is missing' }] },
      ],
      ['in-order'],
      ['file'],
    ],
    [
      'files are in place that no run has placed',
      {},
      [{ step: 'a', code: 0 }, { step: 'b' }],
      ['in-order'],
      ['never-run'],
    ],
    [
      'another script was done',
      { recorded: { ...done, 'step.b': { ...done['step.b'], digest: '0'.repeat(20) } } },
      answers(0),
      ['in-order'],
      ['changed'],
    ],
    [
      'a satisfied check does not hide a changed script',
      { recorded: { ...done, 'step.a': { ...done['step.a'], digest: '0'.repeat(20) } } },
      answers(0),
      ['changed'],
      ['in-order'],
    ],
    [
      'what a step needs ran again',
      { recorded: { ...done, 'step.a': { ...done['step.a'], launch: LAUNCHES[3] } } },
      answers(0),
      ['changed of the finalizer'],
      ['changed'],
    ],
    [
      'a step has not succeeded',
      { recorded: { ...done, 'step.b': { ...done['step.b'], isDone: false } } },
      answers(0),
      ['in-order'],
      ['failed'],
    ],
    [
      'a step has not succeeded, but its check is satisfied',
      { recorded: { ...done, 'step.a': { ...done['step.a'], isDone: false } } },
      answers(0),
      ['in-order'],
      ['in-order'],
    ],
    [
      'a finalizer has not succeeded',
      { recorded: { ...done, 'finalizer.a': { ...done['finalizer.a'], isDone: false } } },
      answers(0),
      ['failed of the finalizer'],
      ['in-order'],
    ],
    [
      'an operator skipped a step, whatever its check answers',
      { recorded: done, sentinel: sentinel([{ name: 'a', state: 'skipped' }], '+skipped') },
      answers(0),
      ['skipped'],
      ['in-order'],
    ],
    [
      'an operator skipped a finalizer',
      {
        recorded: done,
        sentinel: sentinel([{ name: 'a', state: 'succeeded', finalizer: 'skipped' }], '+skipped'),
      },
      answers(0),
      ['skipped of the finalizer'],
      ['in-order'],
    ],
  ])('%s', (_, host, checks, ...wanted) => {
    const report = findDrift(plan, { sentinel: {}, ...host }, checks);
    const found = report.steps.map(({ state, deviations }) =>
      state === 'drifted'
        ? deviations.map(({ kind, finalizer }) => (finalizer ? `${kind} of the finalizer` : kind))
        : [state],
    );
    expect(found).toEqual(wanted);
    const isDrifted = wanted.flat().some((each) => each !== 'in-order' && each !== 'unknown');
    expect(report).toMatchObject({ drifted: isDrifted, host: 'root@h:22', plan: 'p', digest });
  });

  it('is summed up in one line', () => {
    const summary = (host: Partial<RecordedWork>, checks: readonly CheckAnswer[]) =>
      findDrift(plan, { sentinel: {}, ...host }, checks).message;
    expect(summary({ recorded: done }, answers(0))).toBe('no drift: 2 steps in order');
    expect(summary({ recorded: done }, answers(1))).toBe('1 of 2 steps drifted: a');
    expect(summary({ recorded: done }, [{ step: 'a', failure }])).toBe('1 of 2 steps unknown: a');
  });
});
