import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { chooseZmx, parseBusyMs } from '../../bench/machine.ts';

it('the bench runs real zmx where the directory has the program, and the shim over tmux elsewhere', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-zmx-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const shim = { text: 'the shim over tmux', env: { CHANDLER_ZMX_SOURCE: 'tmux' } };
  expect(await chooseZmx(undefined)).toEqual(shim);
  writeFileSync(join(dir, 'zmx-0.7.0.tar.gz'), '', { mode: 0o644 });
  expect(await chooseZmx(dir)).toEqual(shim);
  writeFileSync(join(dir, 'zmx'), '', { mode: 0o755 });
  expect(await chooseZmx(dir)).toEqual({
    text: 'the binary zmx',
    env: { CHANDLER_ZMX_SOURCE: 'file', CHANDLER_ZMX_DIR: dir, CHANDLER_ZMX_FILE: 'zmx' },
  });
});

it('the bench counts the CPU time of a machine without its idle time', () => {
  expect(parseBusyMs('cpu  10 20 30 4000 500 1 2 9 0 0\ncpu0 1 2 3\n')).toBe(630);
});
