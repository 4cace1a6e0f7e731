import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWindows, windowName } from '../../chaos/aim.ts';
import type { Setting } from '../../chaos/run.ts';
import { findUnreplayable } from '../../chaos/replay.ts';
import { openStage } from '../../chaos/stage.ts';
import { createLocks } from '../../chaos/striker.ts';
import { killWorkersDuring, sweepWindows } from '../../chaos/sweep.ts';

/** On a busy machine; a quiet one needs a third of it. */
const TIMEOUT_MS = 180_000;

describe('every promise holds', () => {
  let dir: string;
  let setting: Setting;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-chaos-test-'));
    const stage = await openStage({ dir, hosts: 6, workers: 2 });
    const windows = await findWindows(stage, stage.hosts[0]!);
    const { signal } = new AbortController();
    setting = { stage, seed: 1, windows, locks: createLocks(), struck: [], signal };
  });
  afterAll(async () => {
    await setting?.stage.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it(
    'when every worker dies while each host is at what another activity asks for',
    async () => {
      const programs = ['lease', 'create', 'start', 'wait', 'sentinel-write', 'release'];
      const { violations, missed } = await killWorkersDuring(setting, programs);
      expect(violations).toEqual([]);
      expect(missed.map(windowName)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'when a program on the host dies at any line of the launch protocol',
    async () => {
      const { violations, missed } = await sweepWindows(setting);
      expect(violations).toEqual([]);
      expect(missed.map(windowName)).toEqual([]);
      expect(setting.stage.workers.flatMap(({ deaths }) => deaths)).toEqual([]);
      expect(await findUnreplayable(setting.stage)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
