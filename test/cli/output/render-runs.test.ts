import { expect, test } from 'vitest';
import { renderRuns } from '../../../src/cli/output/render-runs.ts';

test('renderRuns shows what each run needs and how it ended', () => {
  const run = { runId: 'r', attention: false, phase: 'steps', plan: 'demo', startedAtMs: 40_000 };
  expect(
    renderRuns(
      [
        { ...run, id: 'provision:web1:22', status: 'RUNNING' },
        { ...run, id: 'provision:web2:22', status: 'RUNNING', attention: true },
        { ...run, id: 'provision:web3:22', status: 'COMPLETED', phase: 'provisioned', endedAtMs: 45_000 },
        {
          ...run,
          id: 'provision:web4:22',
          status: 'COMPLETED',
          phase: 'already-provisioned',
          endedAtMs: 41_000,
        },
        { ...run, id: 'provision:web5:22', status: 'RUNNING', phase: '', plan: '' },
        { ...run, id: 'provision:web6:22', status: 'FAILED', phase: 'aborted', endedAtMs: 41_000 },
      ],
      100_000,
    ).join('\n'),
  ).toBe(
    [
      'ID                 STATUS                       STARTED        TIME       PLAN',
      'provision:web1:22  running: steps               1 min 0 s ago  1 min 0 s  demo',
      'provision:web2:22  needs attention              1 min 0 s ago  1 min 0 s  demo',
      'provision:web3:22  provisioned                  1 min 0 s ago  5.0 s      demo',
      'provision:web4:22  provisioned (nothing to do)  1 min 0 s ago  1.0 s      demo',
      'provision:web5:22  running                      1 min 0 s ago  1 min 0 s',
      'provision:web6:22  aborted                      1 min 0 s ago  1.0 s      demo',
    ].join('\n'),
  );
});

const older = (runId: string) => ({
  id: 'provision:web1.example.org:22',
  runId,
  attention: false,
  status: 'FAILED',
  phase: 'failed',
  plan: 'demo',
  startedAtMs: 0,
  endedAtMs: 1000,
});

test('C7: an id that had several runs is listed with the run id of each', () => {
  const lines = renderRuns([older('0a'), older('0b')], 1000);
  expect(lines.map((line) => line.split(/ {2,}/).at(-1))).toEqual(['RUN ID', '0a', '0b']);
});

test.each([20, 40, 60, 79])(
  'C11: a terminal of %i columns shows every run whole, and no line is wider',
  (columns) => {
    const lines = renderRuns([older('0a'), older('0b')], 1000, columns);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    const text = lines.map((line) => line.trimStart()).join('');
    for (const word of ['provision:web1.example.org:22', 'failed', 'demo', '0a', '0b'])
      expect(text).toContain(word);
  },
);
