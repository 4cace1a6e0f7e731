import { expect, test } from 'vitest';
import { describeAuditEntry } from '../../../src/domain/run/audit-trail.ts';

test.each([
  [{ action: 'pause' }, 'unknown sender: pause'],
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
    'unknown sender: extendTimeout app by 10 min 0 s',
  ],
  [
    {
      action: 'retrystep',
      step: 'app',
      by: 'ui',
      refused: 'unknown signal "retrystep"; did you mean retryStep?',
    },
    'ui: retrystep app refused: unknown signal "retrystep"; did you mean retryStep?',
  ],
] as const)('%j is described as %s', (auditEntry, expected) => {
  expect(describeAuditEntry(auditEntry)).toBe(expected);
});
