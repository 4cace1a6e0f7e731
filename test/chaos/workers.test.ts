import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkerSlot, workerOf } from '../../chaos/workers.ts';
import { workerIdentity } from '../../src/config/version.ts';

test('a worker is found by the identity that it reports to the server, unless its process is gone', () => {
  const [first, second, gone] = [{ pid: () => 41 }, { pid: () => 42 }, { pid: () => undefined }];
  const workers = [gone, first, second];
  expect(workerOf(workers, workerIdentity('1.2.3', 42, 'web1'))).toBe(second);
  expect(workerOf(workers, workerIdentity('1.2.3', 43, 'web1'))).toBeUndefined();
  expect(workerOf(workers, undefined)).toBeUndefined();
});

test('a worker that can never start fails, with what it printed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-slot-'));
  const worker = makeWorkerSlot('worker', { own: dir, other: dir }, {}, join(dir, 'log'), 0);
  await expect(worker.start('own')).rejects.toThrow(/^worker does not start: .*Cannot find module/s);
  await rm(dir, { recursive: true });
});
