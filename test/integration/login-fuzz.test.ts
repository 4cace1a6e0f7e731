import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { drawCase } from '../../fuzz/cases.ts';
import { delayOf } from '../../fuzz/judge.ts';
import { fuzzLogins } from '../../fuzz/fuzz.ts';
import { renderViolations } from '../../fuzz/report.ts';

const SEED = 5;
const CASES = 12;
/** Multiplies time limits, since other test files run at the same time. */
const PATIENCE = 2;

it('runs under generated logins provision the host or report the obstacle', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-fuzz-test-'));
  // `npm run fuzz:logins` covers kinds that sleep.
  const cases = Array.from({ length: CASES * 2 }, (_, index) => drawCase(SEED, index))
    .filter((login) => delayOf(login) === 0)
    .slice(0, CASES);
  expect(cases).toHaveLength(CASES);
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const played = await fuzzLogins({
    dir,
    address: inject('temporalAddress'),
    cases,
    atOnce: 6,
    patience: PATIENCE,
    signal: new AbortController().signal,
    onPlayed: () => undefined,
  });
  const violations = played.filter(({ verdict }) => verdict.outcome === 'violation');
  expect(violations.map((it) => renderViolations(it, SEED))).toEqual([]);
});
