import { describe, expect, it, test } from 'vitest';
import { readSentinel, renderSentinel, sentinelSaysDone } from '../../../src/domain/run/sentinel.ts';
import type { PartState } from '../../../src/domain/run/status.ts';

const written = (step: PartState, finalizer?: PartState) =>
  renderSentinel(
    {
      plan: 'p',
      steps: [
        {
          name: 'a',
          state: step,
          attempt: 1,
          ...(finalizer && { finalizer: { state: finalizer, attempt: 1 } }),
        },
        { name: 'b', state: 'succeeded', attempt: 1 },
      ],
    },
    { digest: 'd', workflowId: 'w', runId: 'r', owner: 'o', nowMs: 0 },
  );

describe('a sentinel', () => {
  test.each([
    ['is not there', undefined, 'skip', false],
    ['is not asked for', '{"digest":"d"}', 'ignore', false],
    ['is of another plan, and any will do', '{"digest":"x"}', 'skip', true],
    ['is of this plan', '{"digest":"d"}', 'skip-if-same-plan', true],
    ['is of another plan', '{"digest":"x"}', 'skip-if-same-plan', false],
    ['is empty', '', 'skip-if-same-plan', true],
    ['is foreign', 'provisioned by pixels', 'skip-if-same-plan', true],
    ['is JSON without a digest', '[1]', 'skip-if-same-plan', true],
    ['is JSON null', 'null', 'skip-if-same-plan', true],
    ['has a digest of another kind', '{"digest":5}', 'skip-if-same-plan', true],
    ['is of a run that did everything', written('succeeded', 'succeeded'), 'skip-if-same-plan', true],
    ['is of a run whose checks were satisfied', written('satisfied'), 'skip-if-same-plan', true],
    ['is of a run that skipped a step', written('skipped'), 'skip-if-same-plan', false],
    ['is of a run that skipped a step, and any will do', written('skipped'), 'skip', false],
    ['is of a run that skipped a finalizer', written('succeeded', 'skipped'), 'skip-if-same-plan', false],
    ['names no step that was skipped', '{"digest":"d+skipped"}', 'skip-if-same-plan', false],
    ['is of another plan with a skipped step, and any will do', '{"digest":"x+skipped"}', 'skip', true],
  ] as const)('that %s: %s with %s counts as done: %s', (_, content, whenPresent, done) => {
    expect(sentinelSaysDone(content, 'd', whenPresent)).toBe(done);
  });

  it('names what was skipped, and the owner of the other launches', () => {
    expect(readSentinel(written('skipped', 'skipped'))).toEqual({
      digest: 'd',
      runId: 'r',
      owner: 'o',
      isWhole: false,
      skipped: [
        { step: 'a', kind: 'step' },
        { step: 'a', kind: 'finalizer' },
      ],
    });
  });

  it.each([
    '',
    'x',
    'null',
    '5',
    '[1]',
    '{"steps":[null,{"name":5,"state":"skipped"}],"digest":"d+skipped"}',
  ])('that holds %s is read without a failure', (content) => {
    expect(readSentinel(content).skipped).toEqual([]);
  });
});
