import { describe, expect, test } from 'vitest';
import { renderDetached, renderEnd, renderParked } from '../../../src/cli/render/reports.ts';
import { makeStatus } from '../make-status.ts';

const command = (...words: readonly string[]) => `chandler ${words.join(' ')}`;

describe('renderParked', () => {
  test('tells what failed and gives every command for it', () => {
    expect(renderParked('provision:web1:22', makeStatus(), command).join('\n')).toBe(
      [
        'root@web1:22 needs a person:',
        '',
        'network (try 2) step-failed: network on root@web1:22: exit 3',
        '  | asking for a lease',
        '  | no answer',
        '  Look around    chandler attach provision:web1:22 network',
        '  Whole log      chandler logs provision:web1:22 network',
        '  Run it again   chandler retry provision:web1:22 network',
        '  Skip it        chandler skip provision:web1:22 network',
        '',
        'End the run      chandler abort provision:web1:22',
        'Follow it        chandler watch provision:web1:22',
      ].join('\n'),
    );
  });

  test('a finalizer has no session: one looks around on the host', () => {
    const [, , site] = makeStatus().steps;
    const finalizer = { state: 'parked' as const, generation: 1 };
    const status = makeStatus({
      steps: [{ name: site?.name ?? '', state: 'succeeded', generation: 1, finalizer }],
    });
    expect(renderParked('id', status, command)).toEqual([
      'root@web1:22 needs a person:',
      '',
      'site (finalizer) (try 1)',
      '  Look around    chandler ssh id',
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
  const result = { host: 'root@web1:22', digest: 'd', steps: [] };

  test('a provisioned host', () => {
    const status = makeStatus({ endedAtMs: 35_000 });
    expect(
      renderEnd({ outcome: 'provisioned', result: { outcome: 'provisioned', ...result } }, status),
    ).toEqual(['root@web1:22 is provisioned in 35 s; the sentinel /var/lib/chandler/provisioned says so']);
  });

  test('a host that was provisioned before, when no worker tells more', () => {
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

  test('an abort needs no advice', () => {
    const failure = { code: 'aborted' as const, message: 'aborted: enough', advice: 'x' };
    expect(renderEnd({ outcome: 'aborted', failure }, undefined)).toEqual([
      'The run was aborted (aborted): aborted: enough',
    ]);
  });
});

test('renderDetached says that the run goes on', () => {
  expect(renderDetached('id', command)).toEqual([
    'Not following any more; the run goes on.',
    '  Follow it again  chandler watch id',
    '  End it           chandler abort id',
  ]);
});
