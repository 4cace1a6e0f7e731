import { describe, expect, test } from 'vitest';
import { colored, plain } from '../../../src/cli/output/paint.ts';
import { renderTable } from '../../../src/cli/output/render-table.ts';
import type { RunStatus } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../make-status.ts';

const options = { columns: 80, maxRows: 20, nowMs: 12_000, paint: plain };

describe('renderTable', () => {
  test('shows every step and finalizer with its state, attempt, time and last line', () => {
    const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine: 'unpacking curl' }];
    expect(renderTable(makeStatus(), progress, options).join('\n')).toBe(
      [
        'demo · root@web1:22 · steps · 12 s',
        '  STEP                STATE      ATTEMPT  TIME         LAST LINE',
        '  packages          ▶ running          1  11 s         unpacking curl',
        '  network           ⏸ parked           2  2.5 s        exit 3',
        '  site              · pending',
        '  site (finalizer)  · pending',
      ].join('\n'),
    );
  });

  test('shows no output of a step that has ended, because its last lines may be missing', () => {
    const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine: 'Continue? [y/N]' }];
    const [packages] = makeStatus().steps;
    const steps = [{ ...packages!, state: 'succeeded' as const, endedAtMs: 2000 }];
    expect(renderTable(makeStatus({ steps }), progress, options).join('\n')).not.toContain('Continue?');
  });

  test('shows no line of an earlier attempt', () => {
    const progress = [{ step: 'packages', finalizer: false, attempt: 0, lastLine: 'old' }];
    expect(renderTable(makeStatus(), progress, options).join('\n')).not.toContain('old');
  });

  test('cuts lines that are too long for the terminal', () => {
    const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine: 'x'.repeat(200) }];
    for (const columns of [20, 50, 70]) {
      const lines = renderTable(makeStatus(), progress, { ...options, columns });
      expect(Math.max(...lines.map((line) => [...line].length))).toBe(columns);
    }
  });

  test('the output of a host cannot drive the terminal', () => {
    const lastLine = '\u001b]0;title\u0007a\u001b[2Jb\nc';
    const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine }];
    expect(renderTable(makeStatus(), progress, options)[2]).toBe(
      '  packages          ▶ running          1  11 s         ab c',
    );
  });

  test('with more steps than rows shows the most important ones, in their order', () => {
    const steps: RunStatus['steps'] = [
      { name: 'done', state: 'succeeded', attempt: 1, startedAtMs: 0, endedAtMs: 1000 },
      { name: 'later', state: 'pending', attempt: 0 },
      { name: 'runs', state: 'running', attempt: 1, startedAtMs: 11_000 },
      { name: 'waits', state: 'parked', attempt: 1, startedAtMs: 0, endedAtMs: 1000 },
    ];
    const lines = renderTable({ ...makeStatus(), steps }, [], { ...options, maxRows: 3 });
    expect(lines.slice(2)).toEqual([
      '  runs   ▶ running          1  1.0 s',
      '  waits  ⏸ parked           1  1.0 s',
      '  … and 2 more',
    ]);
  });

  test('colours states and nothing that columns depend on', () => {
    const [, , running] = renderTable(makeStatus(), [], { ...options, paint: colored });
    expect(running).toBe('  packages          ▶ \u001b[36mrunning  \u001b[39m        1  11 s');
  });
});
