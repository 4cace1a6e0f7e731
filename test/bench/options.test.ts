import { describe, expect, it } from 'vitest';
import { hostCounts, makeProgram, type BenchOptions } from '../../bench/options.ts';

const parse = (...argv: string[]) =>
  makeProgram()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parse(argv, { from: 'user' })
    .opts<BenchOptions>();

describe('the options of the bench', () => {
  it('measures everything with 1, 10 and 50 hosts by default', () => {
    expect(parse()).toEqual({ hosts: [1, 10, 50], rounds: 3 });
  });

  it('sorts the numbers of hosts and drops repeated ones', () => {
    expect(parse('--hosts', '10,1,10').hosts).toEqual([1, 10]);
  });

  it.each(['0', '1.5', '1,', 'many', '201'])('refuses %s as numbers of hosts', (text) => {
    expect(() => hostCounts(text)).toThrow('must be numbers from 1 to 200');
  });

  it('refuses a section that does not exist', () => {
    expect(() => parse('--only', 'weather')).toThrow('Allowed choices are');
  });
});
