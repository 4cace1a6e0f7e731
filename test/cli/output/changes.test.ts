import { describe, expect, test } from 'vitest';
import { listChanges, renderChange } from '../../../src/cli/output/changes.ts';
import { makeStatus } from '../make-status.ts';

const lines = (...args: Parameters<typeof listChanges>) =>
  listChanges(...args).map((change) => renderChange(change).replace(/^\d\d:\d\d:/, ''));

describe('listChanges', () => {
  test('the first report has everything that has begun, in the order of time', () => {
    expect(lines(undefined, makeStatus(), 4000)).toEqual([
      '04 steps',
      '01 packages running (attempt 1)',
      '03 network parked (attempt 2) after 2.5 s: exit 3',
    ]);
  });

  test('an unchanged status reports nothing', () => {
    expect(listChanges(makeStatus(), makeStatus(), 4000)).toEqual([]);
  });

  test('a retry between two reports is shown as a new attempt', () => {
    const before = makeStatus();
    const after = makeStatus({
      auditTrail: [{ action: 'retryStep', step: 'network', atMs: 5000 }],
      steps: before.steps.map((step) =>
        step.name === 'network' ? { name: 'network', state: 'running', attempt: 3, startedAtMs: 5100 } : step,
      ),
    });
    expect(lines(before, after, 6000)).toEqual([
      '05 unknown sender: retryStep network',
      '05 network running (attempt 3)',
    ]);
  });

  test('an action comes before the change that it causes, and both have its time', () => {
    const before = makeStatus();
    const decided = (action: 'retryStep' | 'skipStep', state: 'pending' | 'skipped') => {
      const steps = before.steps.map((step) => (step.name === 'network' ? { ...step, state } : step));
      const auditTrail = [{ action, step: 'network', atMs: 9000 }] as const;
      // The clock here is behind that of the run.
      return lines(before, makeStatus({ auditTrail: [...auditTrail], steps }), 7000);
    };
    expect(decided('skipStep', 'skipped')).toEqual([
      '09 unknown sender: skipStep network',
      '09 network skipped (attempt 2): exit 3',
    ]);
    expect(decided('retryStep', 'pending').map((line) => line.slice(0, 20))).toEqual([
      '09 unknown sender: r',
      '09 network pending (',
    ]);
  });

  test('a step that was parked when the run ended failed at that time, not when it was parked', () => {
    const before = makeStatus();
    const steps = before.steps.map((step) =>
      step.name === 'network' ? { ...step, state: 'failed' as const } : step,
    );
    const auditTrail = [{ action: 'abort' as const, atMs: 6000 }];
    const after = makeStatus({ phase: 'aborted', endedAtMs: 7000, auditTrail, steps });
    expect(lines(before, after, 8000)).toEqual([
      '06 unknown sender: abort',
      '07 network failed (attempt 2) after 2.5 s: exit 3',
      '07 aborted',
    ]);
  });

  test('the end of a run comes after what happened in it', () => {
    const before = makeStatus();
    const after = makeStatus({
      phase: 'aborted',
      endedAtMs: 7000,
      auditTrail: [{ action: 'abort', reason: 'enough', atMs: 6000 }],
      steps: before.steps.map((step) =>
        step.name === 'packages' ? { ...step, state: 'killed', endedAtMs: 6500 } : step,
      ),
    });
    expect(lines(before, after, 8000)).toEqual([
      '06 unknown sender: abort (enough)',
      '06 packages killed (attempt 1) after 5.5 s',
      '07 aborted',
    ]);
  });

  test('new actions are shown once, even if the audit trail has dropped all that were shown before', () => {
    const refused = (atMs: number) => ({ action: 'skipStep', step: 'x', refused: 'no', atMs });
    const pause = { action: 'pause', atMs: 1000 };
    const before = makeStatus({ auditTrail: [pause, refused(2000)] });
    const after = makeStatus({ auditTrail: [pause, refused(3000), refused(4000)] });
    expect(lines(before, after, 5000)).toEqual([
      '03 unknown sender: skipStep x refused: no',
      '04 unknown sender: skipStep x refused: no',
    ]);
  });

  test('a finalizer has a name of its own', () => {
    const before = makeStatus();
    const [packages, network, site] = before.steps;
    if (!packages || !network || !site) throw new TypeError('the status lacks steps');
    const finalizer = { state: 'succeeded' as const, attempt: 1, startedAtMs: 4000, endedAtMs: 4300 };
    const after = makeStatus({ steps: [packages, network, { ...site, finalizer }] });
    expect(lines(before, after, 5000)).toEqual(['04 site (finalizer) succeeded (attempt 1) after 0.3 s']);
  });
});
