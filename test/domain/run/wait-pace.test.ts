import { describe, expect, it } from 'vitest';
import { waitPace } from '../../../src/domain/run/wait-pace.ts';

describe('the pace of a wait', () => {
  it.each([
    [0, 2_000, 10_000, 60_000],
    [10_000, 2_000, 10_000, 50_000],
    [55_000, 2_000, 10_000, 5_000],
    [55_001, 6_000, 20_000, 544_999],
    [60_000, 6_000, 20_000, 540_000],
    [599_000, 30_000, 40_000, undefined],
    [3_600_000, 30_000, 40_000, undefined],
  ])(
    'for a step of %i ms is a heartbeat every %i ms',
    (ageMs, heartbeatEveryMs, heartbeatTimeoutMs, lastsMs) => {
      expect(waitPace(ageMs)).toEqual({
        pace: { ageMs, heartbeatEveryMs, ...(lastsMs !== undefined && { lastsMs }) },
        heartbeatTimeoutMs,
      });
    },
  );
});
