import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWindows, windowName } from '../../chaos/aim.ts';
import type { Setting } from '../../chaos/run.ts';
import { findUnreplayable } from '../../chaos/replay.ts';
import { openStage } from '../../chaos/stage.ts';
import { playEdited, recordWindows } from '../../chaos/series/edited-series.ts';
import { createLocks } from '../../chaos/striker.ts';
import { someOf } from '../support/some-of.ts';
import { killWorkersDuring, strikeSteps, sweepWindows } from '../../chaos/sweep.ts';

/** Enough for a busy machine. An idle one needs a third of it. */
const TIMEOUT_MS = 600_000;

describe('every invariant holds', () => {
  let dir: string;
  let setting: Setting;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-chaos-test-'));
    const stage = await openStage({ dir, hosts: 6, workers: 2 });
    const windows = await findWindows(stage, stage.hosts[0]!);
    const { signal } = new AbortController();
    setting = { stage, seed: 1, windows, locks: createLocks(), struck: [], woken: [], signal };
  });
  afterAll(async () => {
    await setting?.stage.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it(
    'when every worker dies while each host runs a program of a different activity',
    async () => {
      const programs = ['prepare', 'launch', 'wait', 'finish'];
      const { violations, missed } = await killWorkersDuring(setting, programs);
      expect(violations).toEqual([]);
      expect(missed.map(windowName)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'when access is removed and restored, a terminal ends, or a run is terminated and another follows',
    async () => {
      const access = [
        'key removed (authorized_keys)',
        'host key changed',
        'identity removed from the workers',
      ];
      const { violations, kinds } = await strikeSteps(
        setting,
        [...access, 'session ended (zmx kill)'],
        ['same', 'refuse'],
      );
      expect(violations).toEqual([]);
      expect(kinds).toEqual(expect.arrayContaining(access));
    },
    TIMEOUT_MS,
  );

  it(
    'when a plan is edited and runs again, and its run is disturbed: only what changed runs, once',
    async () => {
      const windows = recordWindows(setting);
      expect(windows.length).toBeGreaterThan(5);
      const played = await playEdited(setting, {
        'worker-killed': { fault: 'worker SIGKILL' },
        // The launch model has all of them.
        'record-cut': { windows: windows.slice(0, 2) },
      });
      for (const [name, runs] of Object.entries(played)) {
        const violations = runs.flatMap((run) => run.violations);
        const [, edited = [], next = [], last] = runs.map(({ evidence }) =>
          evidence.ledger.map(({ step }) => step),
        );
        const ran = [...new Set([...edited, ...next])].sort();
        // The finalizer is that of a.
        expect({ name, violations, ran, last }).toEqual({
          name,
          violations: [],
          ran: ['a', 'b', 'c'],
          last: [],
        });
      }
      const kinds = Object.values(played).flatMap((runs) => runs.flatMap(({ faults }) => faults));
      expect(kinds.filter(({ kind }) => kind === 'host program killed')).toHaveLength(2);
      expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(2);
    },
    TIMEOUT_MS,
  );

  it(
    'when a host program dies at every 24th line of the launch protocol',
    async () => {
      // A campaign aims at all of them.
      const some = someOf(setting.windows, 24);
      const { violations, missed } = await sweepWindows(setting, some);
      expect(violations).toEqual([]);
      expect(missed.map(windowName)).toEqual([]);
      expect(setting.stage.workers.flatMap(({ deaths }) => deaths)).toEqual([]);
      expect(await findUnreplayable(setting.stage)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
