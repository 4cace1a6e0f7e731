import { chmod, mkdtemp, open, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rememberFiles } from '../../src/config/read-regular-file.ts';

describe('a reader that remembers files', () => {
  let dir: string;
  let path: string;
  let read: (path: string) => Promise<Buffer>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-files-'));
    path = join(dir, 'key');
    const reader = rememberFiles();
    read = (file) => reader(file, 100);
    await writeFile(path, 'one');
    expect(String(await read(path))).toBe('one');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('reads an unchanged file once', async () => {
    expect(await read(path)).toBe(await read(path));
  });

  it('notices another file in its place, also one of the same size and time', async () => {
    const { atime, mtime } = await stat(path);
    await writeFile(join(dir, 'new'), 'two');
    await utimes(join(dir, 'new'), atime, mtime);
    await rename(join(dir, 'new'), path);
    expect(String(await read(path))).toBe('two');
  });

  it('notices a change in place, also one that keeps size and time', async () => {
    const { atime, mtime } = await stat(path);
    const file = await open(path, 'r+');
    await file.write('six');
    await file.utimes(atime, mtime);
    await file.close();
    expect(String(await read(path))).toBe('six');
  });

  it('reads the file again after its permissions changed, because it may not be readable any more', async () => {
    const before = await read(path);
    await chmod(path, 0o400);
    expect(await read(path)).not.toBe(before);
  });

  it('inspects the file again after a change: too large, or gone', async () => {
    await writeFile(path, 'x'.repeat(101));
    await expect(read(path)).rejects.toThrow('it is larger than 100 bytes');
    await rm(path);
    await expect(read(path)).rejects.toThrow('ENOENT');
  });
});
