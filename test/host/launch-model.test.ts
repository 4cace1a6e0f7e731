import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finish, newModel, sequences } from './launch-model/commands.ts';
import {
  PAIRS,
  SCENARIOS,
  crash,
  crashes,
  discover,
  discoverPair,
  interleave,
  isAroundRecords,
} from './launch-model/crashes.ts';
import { HostUnderTest } from './launch-model/host-under-test.ts';

/**
 * The programs of the host, broken at every point, against a model of what they may answer.
 *
 * Points are found by a dry run, so a new command in a program is a new case. A run takes every case around the record of a
 * step. Of the other two thousand it takes a fixed sample that MODEL_RUNS widens: with 1 every 32nd case and 4 sequences, with 32
 * or more all cases and 64 sequences.
 *
 * Not covered: a crash inside of an external command (`half` does that for what is known to take several steps), the
 * shell that zmx starts before it runs the supervisor, and shells other than bash on the way to the crash (what follows
 * it runs under `sh`), because only bash tells which command comes next.
 */
const RUNS = Math.max(1, Number(process.env['MODEL_RUNS'] ?? 1));
const SEED = Number(process.env['MODEL_SEED'] ?? 20_240_607);
const EVERY = Math.max(1, Math.ceil(32 / RUNS));
/** Most of a case is waiting. */
const AT_ONCE = 6;
/** For what hangs: each answer has a limit of its own. */
const LIMIT_MS = 300_000 + RUNS * 300_000;

/** A sample that takes other faults at each point, not always the first. */
const sample = <T>(all: readonly T[], offset: number): T[] =>
  all.filter((_, index) => (index + offset) % EVERY === 0);

async function each<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await use(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

describe('the launch protocol, broken at every point', () => {
  it.each(SCENARIOS.map((scenario, index) => ({ ...scenario, index })))(
    'answers correctly after a crash of $name',
    { timeout: LIMIT_MS },
    async (scenario) => {
      const points = await discover(scenario);
      expect(points.length).toBeGreaterThan(20);
      const cases = crashes(points, scenario);
      const important = scenario.records ? cases.filter(isAroundRecords) : [];
      if (scenario.records) expect(important.length).toBeGreaterThan(5);
      const sampled = sample(cases, scenario.index).filter((it) => !important.includes(it));
      expect(sampled.length).toBeGreaterThan(0);
      const wrong: string[] = [];
      await each([...important, ...sampled], async ({ point, fault }) => {
        const found = await crash(scenario, point, fault);
        if (found.length > 0) wrong.push(`${JSON.stringify(fault)} before ${point.at}: ${found.join('; ')}`);
      });
      expect(wrong).toEqual([]);
    },
  );

  it.each(PAIRS.map((pair, index) => ({ ...pair, index })))(
    'answers correctly with $name',
    { timeout: LIMIT_MS },
    async (pair) => {
      const points = await discoverPair(pair);
      expect(points.length).toBeGreaterThan(10);
      const sampled = sample(points, pair.index);
      expect(sampled.length).toBeGreaterThan(0);
      const wrong: string[] = [];
      await each(sampled, async (point) => {
        const found = await interleave(pair, point);
        if (found.length > 0) wrong.push(`held before ${point.at}: ${found.join('; ')}`);
      });
      expect(wrong).toEqual([]);
    },
  );
});

describe('the launch protocol and its model', () => {
  it('agree over random operations and faults', { timeout: LIMIT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(sequences, async (commands) => {
        const host = new HostUnderTest(mkdtempSync(join(tmpdir(), 'lm-')));
        const model = newModel();
        try {
          await fc.asyncModelRun(() => ({ model, real: host }), commands);
          await finish(model, host);
        } finally {
          await host.remove();
        }
      }),
      { numRuns: Math.max(4, 2 * RUNS), seed: SEED, endOnFailure: RUNS === 1 },
    );
    expect.assertions(0);
  });
});
