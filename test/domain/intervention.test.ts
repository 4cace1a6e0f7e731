import { expect, test } from 'vitest';
import { describeIntervention } from '../../src/domain/intervention.ts';

test.each([
  [{ action: 'pause' }, 'somebody: pause'],
  [{ action: 'abort', by: 'anna@laptop', reason: 'wrong image' }, 'anna@laptop: abort (wrong image)'],
  [{ action: 'skipStep', step: 'app', by: 'ci' }, 'ci: skipStep app'],
  [
    {
      action: 'retryStep',
      step: 'app',
      by: 'ci',
      script: true,
      env: ['A', 'B'],
      reset: ['web', 'cdn'],
      reason: 'ok',
    },
    'ci: retryStep app with another script with A, B set, then web, cdn (ok)',
  ],
  [
    { action: 'extendTimeout', step: 'app', extendedByMs: 600_000 },
    'somebody: extendTimeout app by 10 min 0 s',
  ],
] as const)('%j is told as %s', (intervention, expected) => {
  expect(describeIntervention(intervention)).toBe(expected);
});
