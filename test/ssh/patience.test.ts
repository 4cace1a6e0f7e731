import { expect, it } from 'vitest';
import { Patience } from '../../src/ssh/patience.ts';

it('grows to twice the time that a host took, up to 50 s, and shrinks again', () => {
  const patience = new Patience();
  const after = (ms: number) => {
    patience.took(ms);
    return patience.ms;
  };
  expect([10_000, 40_000, 6_000, 1].map(after)).toEqual([20_000, 50_000, 12_000, 8_000]);
});

it('never falls below a least time that is longer than 50 s', () => {
  const patience = new Patience(60_000);
  patience.took(1);
  expect([patience.ms, patience.isLearnt]).toEqual([60_000, false]);
  patience.ranOut(60_000);
  expect([patience.ms, patience.isLearnt]).toEqual([60_000, false]);
});
