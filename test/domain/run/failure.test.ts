import { describe, expect, test } from 'vitest';
import { isAccessCode, type FailureCode } from '../../../src/domain/run/failure.ts';

describe('a failure of the way to a host', () => {
  test.each<[FailureCode, boolean]>([
    ['connection-lost', true],
    ['host-unreachable', true],
    ['auth-failed', true],
    ['host-key-mismatch', true],
    ['identity-unavailable', true],
    ['step-failed', false],
    ['disk-full', false],
    ['launch-conflict', false],
  ])('%s: %s', (code, expected) => {
    expect(isAccessCode(code)).toBe(expected);
  });
});
