import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { durationMs, formatDuration, isDuration } from '../../../src/domain/text/duration.ts';

describe('a duration', () => {
  test.each([
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    ['24h', 86_400_000],
    ['250 ms', 250],
    ['0.3333s', 333],
    ['365d', 31_536_000_000],
    [1500, 1500],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(isDuration(text)).toBe(true);
    expect(durationMs(text, 0)).toBe(milliseconds);
  });

  test.each(['0s', '0.1ms', '366d', '1e3s', '-1s', '1', 's', '1y', '1s\n', 0, -5, 1e15])(
    '%j is not a duration',
    (value) => {
      expect(isDuration(value)).toBe(false);
    },
  );

  it('has a default', () => {
    expect(durationMs(undefined, 7)).toBe(7);
  });

  it('that is valid is a whole number of milliseconds that fits every timer', () => {
    const text = fc.stringMatching(/^[0-9]{1,12}(\.[0-9]{1,8})? ?(ms|s|m|h|d)$/);
    fc.assert(
      fc.property(fc.oneof(text, fc.double()), (value) => {
        if (!isDuration(value)) return;
        const milliseconds = durationMs(value, 0);
        expect(milliseconds >= 1 && milliseconds <= 31_536_000_000).toBe(true);
        if (typeof value === 'string') expect(Number.isInteger(milliseconds)).toBe(true);
      }),
    );
  });

  test.each([
    [400, '0.4 s'],
    [12_400, '12 s'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
  ])('of %d ms is shown as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});
