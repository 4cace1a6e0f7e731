import { expect, test } from 'vitest';
import { workerOf } from '../../chaos/workers.ts';
import { workerIdentity } from '../../src/config/version.ts';

test('a worker is found by the identity that it reports to the server, unless its process is gone', () => {
  const [first, second, gone] = [{ pid: () => 41 }, { pid: () => 42 }, { pid: () => undefined }];
  const workers = [gone, first, second];
  expect(workerOf(workers, workerIdentity('1.2.3', 42, 'web1'))).toBe(second);
  expect(workerOf(workers, workerIdentity('1.2.3', 43, 'web1'))).toBeUndefined();
  expect(workerOf(workers, undefined)).toBeUndefined();
});
