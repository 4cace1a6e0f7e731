import { expect, test } from 'vitest';
import { readSince } from '../../../src/cli/input/read-since.ts';

test.each([
  ['10m', -600],
  ['1.5h', -5400],
  ['300ms', -1],
  ['2025-01-31T03:15:00Z', 1738293300],
  ['2025-01-31T03:15:00.900+01:00', 1738289700],
  ['2025-01-31', 1738281600],
])('%s begins at %d', (text, seconds) => {
  expect(readSince(text)).toBe(seconds);
});

test.each([
  '',
  'now',
  '10',
  '-10m',
  '2025-13-31',
  '31.1.2025',
  '2025-01-31 03:15',
  '2025-01-31T25:00Z',
  '1e9',
])('"%s" is not a time', (text) => {
  expect(() => readSince(text)).toThrow(/must be a duration .* or a time/);
});
