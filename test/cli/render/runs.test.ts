import { expect, test } from 'vitest';
import { renderRuns } from '../../../src/cli/render/runs.ts';

test('renderRuns shows what each run needs and how it ended', () => {
  const run = { attention: false, phase: 'steps', plan: 'demo', startedAtMs: 40_000 };
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
      'ID                 STATUS               STARTED        TIME       PLAN',
      'provision:web1:22  running: steps       1 min 0 s ago  1 min 0 s  demo',
      'provision:web2:22  needs a person       1 min 0 s ago  1 min 0 s  demo',
      'provision:web3:22  completed            1 min 0 s ago  5.0 s      demo',
      'provision:web4:22  already-provisioned  1 min 0 s ago  1.0 s      demo',
      'provision:web5:22  running              1 min 0 s ago  1 min 0 s',
      'provision:web6:22  aborted              1 min 0 s ago  1.0 s      demo',
    ].join('\n'),
  );
});
