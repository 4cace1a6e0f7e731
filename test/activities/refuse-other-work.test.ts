import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { refuseOtherWork } from '../../src/activities/refuse-other-work.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { Host } from '../../src/host/host.ts';
import { exports } from '../../src/host/launch-body.ts';
import { renderPlacement } from '../../src/host/render-files.ts';
import { sha256Of } from '../../src/host/sha256.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'other-work-'));
afterAll(() => rmSync(stateDir, { recursive: true }));
const host = {
  stateDir,
  check: async (_: string, script: string) => spawnSync('sh', ['-c', script]).status,
} as unknown as Host;
const files = [{ path: '/x', mode: '0644', sha256: sha256Of('x'), content: Buffer.from('x') }];
const work = { script: 'echo "$A"', env: { A: "it's" }, files };

describe('a launch that a reset run finds', () => {
  const judge = async (attempt: number, found?: { env?: Record<string, string>; script: string }) => {
    const launch = makeLaunch('run', 'a', 'step', attempt);
    if (found) {
      const dir = join(stateDir, 'launches', launch.id);
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'env'), exports(found.env ?? work.env));
      writeFileSync(join(dir, 'script'), found.script);
    }
    return refuseOtherWork(host, launch, work, new AbortController().signal);
  };

  it.each([
    ['does not exist', undefined],
    ['has not placed its files yet', { script: renderPlacement(files, work.script) }],
    ['has placed its files', { script: work.script }],
  ])('has the same work if it %s', async (what, found) => {
    await expect(judge(what.length, found)).resolves.toBeUndefined();
  });

  it.each([
    ['script', { script: 'echo other' }],
    ['script with files', { script: renderPlacement(files, 'echo other') }],
    ['environment', { script: work.script, env: { A: 'b' } }],
  ])('is refused with another %s', async (what, found) => {
    await expect(judge(100 + what.length, found)).rejects.toMatchObject({ code: 'launch-conflict' });
  });
});
