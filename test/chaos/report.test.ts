import { describe, expect, it } from 'vitest';
import { windowsOf } from '../../chaos/aim.ts';
import type { Injected } from '../../chaos/evidence.ts';
import { quantile } from '../../chaos/quantile.ts';
import { renderSummary, renderTable, renderViolations } from '../../chaos/report.ts';
import { recoveryMs, type Struck } from '../../chaos/striker.ts';
import { goodRun, killing } from './make-evidence.ts';

const reset = (changes: Partial<Injected>): Injected => ({
  ...killing,
  kind: 'reset',
  kills: false,
  ...changes,
});

describe('the report', () => {
  const faults = [
    reset({ atMs: 0, healedMs: 0, recoveryMs: 1000 }),
    reset({ atMs: 10_000, healedMs: 10_000, recoveryMs: 3000 }),
    reset({ atMs: 11_000, healedMs: 11_000, recoveryMs: 9000 }),
    { ...killing, atMs: 30_000, healedMs: 30_000, window: { program: 'start', line: 3 } },
  ];
  const tally = {
    workflows: 3,
    faults,
    violations: 0,
    series: { workflows: 2, faults: 1 },
    fleets: { rollouts: 1, workflows: 3, faults: 2 },
    outcomes: { provisioned: 2, aborted: 1 },
    woken: { reset: 1 },
  };

  it('counts faults by kind, and counts recoveries with no other fault meanwhile separately', () => {
    expect(
      renderTable(tally)
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/)),
    ).toEqual([
      [
        'fault',
        'injected',
        'aimed',
        'recovered',
        'median',
        'p99',
        'recovered, alone',
        'median, alone',
        'p99, alone',
      ],
      ['reset', '3', '0', '3', '3.0 s', '9.0 s', '1', '1.0 s', '1.0 s'],
      ['supervisor killed', '1', '1', '0', '–', '–', '0', '–', '–'],
      [''],
      ['runs: 2 provisioned, 1 aborted'],
      ['in series: 2 workflows, 1 faults'],
      ['in fleets: 1 rollouts, 3 workflows, 2 faults'],
      ['woken after a pause: 1 by a reset'],
    ]);
  });

  it('ends with one summary line', () => {
    expect(renderSummary(tally)).toBe('chaos: 3 workflows, 4 faults, 0 violations');
  });

  it('shows a violation with its seed and the events around it in order of time', () => {
    const evidence = goodRun({ faults: [killing], events: [{ atMs: 9, text: 'scheduled' }] });
    const text = renderViolations(
      { evidence, faults: [killing], violations: [{ invariant: 'logs are complete', what: 'half of it' }] },
      42,
      [{ atMs: 8, host: 'host', call: 'start abc' }],
    );
    expect(text).toContain('VIOLATION logs are complete: half of it\nseed 42, run on host');
    const shown = text.split('\n').filter((line) => /^ {2}\d/.test(line));
    expect(shown.map((line) => line.trim().split(/ +/)[1])).toEqual([
      'host',
      'history',
      'ledger',
      'fault',
      ...Array.from({ length: 5 }, () => 'ledger'),
    ]);
  });

  it('computes quantiles of few values', () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([1, 2, 3], 0.99)).toBe(3);
  });
});

describe('the recovery time', () => {
  const struck: Struck = { ...killing, on: 'launch', held: [], atMs: 100, healedMs: 200 };
  const recorded = { eventsMs: [50, 150, 250], attempts: [{ activity: '5', startedMs: 400, endedMs: 500 }] };

  it('of a link ends when the host sends data again', () => {
    expect(recoveryMs({ ...struck, on: 'link', heardMs: 230 }, recorded)).toBe(30);
    expect(recoveryMs({ ...struck, on: 'link' }, recorded)).toBeUndefined();
  });

  it('of a worker ends when an activity that it was running starts elsewhere, and no other activity counts', () => {
    expect(recoveryMs({ ...struck, on: 'worker', held: ['5'] }, recorded)).toBe(300);
    expect(recoveryMs({ ...struck, on: 'worker', held: ['6'] }, recorded)).toBeUndefined();
  });

  it('of a launch starts with the fault, and that of a host with the end of the fault', () => {
    expect(recoveryMs(struck, recorded)).toBe(50);
    expect(recoveryMs({ ...struck, on: 'host' }, recorded)).toBe(50);
    expect(recoveryMs({ ...struck, on: 'host', healedMs: 300 }, recorded)).toBeUndefined();
  });
});

describe('windows', () => {
  it('are the lines that each program passes, and a line shared by all subcommands is one window', () => {
    expect(windowsOf('supervise 3\nstart 1\nstart 9\nstart 9\nwait 1\nlog 1\nlog 7\n')).toEqual([
      { program: 'any', line: 1 },
      { program: 'start', line: 9 },
      { program: 'supervise', line: 3 },
    ]);
  });
});
