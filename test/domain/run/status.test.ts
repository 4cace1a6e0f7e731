import { describe, expect, it } from 'vitest';
import { attentionOf, isFullyParked, type Trouble } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../../cli/make-status.ts';

const network: Trouble = { code: 'connection-lost', message: 'reset', advice: '', sinceMs: 1000 };
const key: Trouble = { ...network, code: 'host-key-mismatch' };
const running = (trouble?: Trouble) =>
  makeStatus({
    steps: [
      { name: 'a', state: 'running', attempt: 1, ...(trouble && { trouble }) },
      { name: 'b', state: 'succeeded', attempt: 1 },
    ],
  });

describe('a run whose host cannot be reached', () => {
  it('needs attention at once for trouble that only a person can fix, and after a minute for the network', () => {
    expect(attentionOf(running(), 1000)).toBe(false);
    expect(attentionOf(running(key), 1000)).toBe(true);
    expect(attentionOf(running(network), 60_999)).toBe(false);
    expect(attentionOf(running(network), 61_000)).toBe(true);
    expect(attentionOf({ ...running(), trouble: key }, 1000)).toBe(true);
  });

  it('is fully parked if only a person can fix it, but not during network trouble', () => {
    expect(isFullyParked(running())).toBe(false);
    expect(isFullyParked(running(network))).toBe(false);
    expect(isFullyParked(running(key))).toBe(true);
    expect(isFullyParked({ ...running(), trouble: { ...key, code: 'auth-failed' } })).toBe(true);
    expect(isFullyParked({ ...running(key), endedAtMs: 1 })).toBe(false);
  });

  it('is not parked while another of its steps runs', () => {
    const { steps } = running(key);
    const more = { name: 'c', state: 'running', attempt: 1 } as const;
    expect(isFullyParked(makeStatus({ steps: [...steps, more] }))).toBe(false);
    expect(isFullyParked(makeStatus())).toBe(false);
  });
});
