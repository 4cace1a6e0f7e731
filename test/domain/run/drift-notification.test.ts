import { describe, expect, it } from 'vitest';
import {
  describeDrift,
  type DriftOutcome,
  type PreviousCheck,
} from '../../../src/domain/run/drift-notification.ts';
import type { DriftReport, StepDrift } from '../../../src/domain/run/drift.ts';

const failure = { code: 'host-unreachable', message: 'no route', advice: 'x' } as const;
const drifted = (name: string, message = 'its check fails (exit 1)'): StepDrift => ({
  name,
  state: 'drifted',
  deviations: [{ kind: 'missing', message }],
});
const inOrder: StepDrift = { name: 'a', state: 'in-order', deviations: [] };
const unknown: StepDrift = { name: 'a', state: 'unknown', deviations: [], failure };
const report = (...steps: StepDrift[]): DriftReport => ({
  drifted: steps.some(({ state }) => state === 'drifted'),
  host: 'root@h:22',
  plan: 'web',
  digest: 'd',
  message: 'm',
  steps,
});
const run = { namespace: 'n', workflowId: 'w', runId: 'r', originalRunId: 'o' };
const describeAfter = (outcome: DriftOutcome, before: PreviousCheck = { hasFailed: false }) =>
  describeDrift(outcome, { host: 'root@h:22', plan: 'web' }, run, 0, before);

describe('the notification of a check for drift', () => {
  it('names what drifted and how', () => {
    expect(describeAfter({ report: report(inOrder, drifted('b')) })).toEqual({
      id: 'o:drifted',
      event: 'drifted',
      text: 'root@h:22 has drifted from web: b (its check fails (exit 1))',
      namespace: 'n',
      workflowId: 'w',
      runId: 'r',
      host: 'root@h:22',
      plan: 'web',
      at: '1970-01-01T00:00:00.000Z',
      drift: [drifted('b')],
    });
  });

  it('names ten steps of many', () => {
    const steps = Array.from({ length: 12 }, (_, i) => drifted(`s${i}`));
    const found = describeAfter({ report: report(...steps) });
    expect(found?.text).toMatch(/; s9 \(.*\); and 2 more$/);
    expect(found?.drift).toHaveLength(12);
  });

  it.each<[what: string, outcome: DriftOutcome, before: PreviousCheck, event: string | undefined]>([
    ['nothing drifted', { report: report(inOrder) }, { hasFailed: false }, undefined],
    [
      'the same drifted before',
      { report: report(drifted('b')) },
      { report: report(drifted('b')), hasFailed: false },
      undefined,
    ],
    [
      'the check before failed',
      { report: report(drifted('b')) },
      { report: report(drifted('b')), hasFailed: true },
      'drifted',
    ],
    [
      'something else drifted',
      { report: report(drifted('b')) },
      { report: report(drifted('c')), hasFailed: false },
      'drifted',
    ],
    [
      'it drifted in another way',
      { report: report(drifted('b', 'x')) },
      { report: report(drifted('b')), hasFailed: false },
      'drifted',
    ],
    [
      'the drift was gone in between',
      { report: report(drifted('b')) },
      { report: report(inOrder), hasFailed: false },
      'drifted',
    ],
    ['the host could not be inspected', { failure }, { hasFailed: false }, 'unchecked'],
    ['the host still cannot be inspected', { failure }, { hasFailed: true }, undefined],
    ['a check could not run', { report: report(unknown) }, { hasFailed: false }, 'unchecked'],
    [
      'a check still cannot run',
      { report: report(unknown) },
      { report: report(unknown), hasFailed: false },
      undefined,
    ],
    [
      'a check could not run, and a step drifted',
      { report: report(unknown, drifted('b')) },
      { hasFailed: false },
      'drifted',
    ],
  ])('%s', (_, outcome, before, event) => {
    expect(describeAfter(outcome, before)?.event).toBe(event);
  });
});
