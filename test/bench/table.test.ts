import { describe, expect, it } from 'vitest';
import { formatCount, formatMs, formatS, median, renderTable } from '../../bench/table.ts';

describe('the tables of the bench', () => {
  it('aligns the first column to the left and the others to the right', () => {
    expect(renderTable(['', 'wall'], [['ssh', '1 s']])).toBe('|  | wall |\n| --- | ---: |\n| ssh | 1 s |');
  });

  it('rounds times to their precision, and shows a dash for what was not measured', () => {
    expect([1234.5, 99.96, 3.14159, NaN].map(formatMs)).toEqual(['1,235 ms', '100 ms', '3.14 ms', '–']);
    expect([294, 1460, 26_140, NaN].map(formatS)).toEqual(['0.29 s', '1.5 s', '26.1 s', '–']);
    expect([1234, NaN].map(formatCount)).toEqual(['1,234', '–']);
  });

  it('takes the middle value as the median', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeNaN();
  });
});
