import { describe, expect, test } from 'vitest';
import { renderDetached, renderEnd, renderParked } from '../../../src/cli/output/reports.ts';
import type { PartState } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../make-status.ts';

const command = (...words: readonly string[]) => `chandler ${words.join(' ')}`;

describe('renderParked', () => {
  test('reports what failed, with every command for it', () => {
    expect(renderParked('provision:web1:22', makeStatus(), command).join('\n')).toBe(
      [
        'root@web1:22 needs attention:',
        '',
        'network (attempt 2) step-failed: network on root@web1:22: exit 3',
        '  | asking for a lease',
        '  | no answer',
        '  Look around.',
        '  Inspect it     chandler attach provision:web1:22 network',
        '  Whole log      chandler logs provision:web1:22 network',
        '  Run it again   chandler retry provision:web1:22 network',
        '  Skip it        chandler skip provision:web1:22 network',
        '',
        'End the run      chandler abort provision:web1:22',
        'Follow it        chandler watch provision:web1:22',
      ].join('\n'),
    );
  });

  test('for a finalizer, which has no session, offers a shell on the host', () => {
    const [, , site] = makeStatus().steps;
    const finalizer = { state: 'parked' as const, attempt: 1 };
    const status = makeStatus({
      steps: [{ name: site?.name ?? '', state: 'succeeded', attempt: 1, finalizer }],
    });
    expect(renderParked('id', status, command)).toEqual([
      'root@web1:22 needs attention:',
      '',
      'site (finalizer) (attempt 1)',
      '  Inspect it     chandler ssh id',
      '  Whole log      chandler logs id site --finalizer',
      '  Run it again   chandler retry id site',
      '  Skip it        chandler skip id site',
      '',
      'End the run      chandler abort id',
      'Follow it        chandler watch id',
    ]);
  });
});

describe('renderEnd', () => {
  const result = { host: 'root@web1:22', digest: 'd', steps: [], auditTrail: [] };

  test('a provisioned host', () => {
    const status = makeStatus({ endedAtMs: 35_000 });
    expect(
      renderEnd({ outcome: 'provisioned', result: { outcome: 'provisioned', ...result } }, status),
    ).toEqual(['root@web1:22 is provisioned in 35 s; sentinel: /var/lib/chandler/provisioned']);
  });

  test('a provisioned host names what was skipped, also when no worker answers', () => {
    const part = (name: string, state: PartState) => ({ name, state, attempt: 1 });
    const steps = [
      part('a', 'skipped'),
      { ...part('b', 'succeeded'), finalizer: { state: 'skipped' as const, attempt: 1 } },
    ];
    const end = { outcome: 'provisioned', result: { outcome: 'provisioned', ...result, steps } } as const;
    const next = 'The next run of this plan does what was skipped.';
    expect(renderEnd(end, undefined)).toEqual([
      'root@web1:22 is provisioned, with 2 skipped: a, b (finalizer)',
      next,
    ]);
    const status = makeStatus({ endedAtMs: 35_000, steps: [part('a', 'skipped')] });
    expect(renderEnd(end, status)).toEqual([
      'root@web1:22 is provisioned in 35 s, with 1 skipped: a; sentinel: /var/lib/chandler/provisioned',
      next,
    ]);
  });

  test('a host that was provisioned before, when no worker knows more', () => {
    const outcome = 'already-provisioned' as const;
    expect(renderEnd({ outcome, result: { outcome, ...result } }, undefined)).toEqual([
      'root@web1:22 was provisioned already: no step ran',
    ]);
  });

  test('a failure with the end of its log and the advice', () => {
    const failure = {
      code: 'step-failed' as const,
      message: 'web: exit 3',
      advice: 'Look.',
      logTail: 'a\nb\n',
    };
    expect(renderEnd({ outcome: 'failed', failure }, undefined)).toEqual([
      'The run failed (step-failed): web: exit 3',
      '  | a',
      '  | b',
      'Look.',
    ]);
  });

  test('an abort reports what was ended, as far as that is known', () => {
    const told = (message: string) => {
      const failure = { code: 'aborted' as const, message, advice: 'All was ended.' };
      return renderEnd({ outcome: 'aborted', failure }, undefined);
    };
    expect(told('aborted (enough)')).toEqual(['The run was aborted (enough)', 'All was ended.']);
    expect(told('cancelled')[0]).toBe('The run was cancelled');
    expect(told('terminated: by hand')[0]).toBe('The run was terminated: by hand');
    expect(told('Workflow execution timed out')[0]).toBe('The run was aborted: Workflow execution timed out');
  });
});

test('renderDetached explains that the run continues', () => {
  expect(renderDetached('id', command)).toEqual([
    'Stopped following; the run continues.',
    '  Follow it again  chandler watch id',
    '  End it           chandler abort id',
  ]);
});
