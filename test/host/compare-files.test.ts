import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareFiles } from '../../src/host/compare-files.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { LocalExecutor } from '../support/local-executor.ts';

const programs = loadPrograms();

/** Runs every `sh` of a command in another shell. */
function inShell(shell: readonly string[]): Executor {
  const local = new LocalExecutor({ env: process.env });
  return { exec: ({ words }, options) => local.exec({ words: [...shell, ...words.slice(1)] }, options) };
}

describe.each([[['dash']], [['bash']], [['busybox', 'sh']]])('files that are compared in %s', (shell) => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'chandler-compare-'))));
  afterAll(async () => {
    rmSync(dir, { recursive: true, force: true });
    // The `timeout` of busybox notices within a second that its command has ended.
    if (shell[0] === 'busybox') await delay(1200);
  });
  const NAME = `a b'"$(touch x)\\ü`;
  const compare = async (owner?: string) => {
    const path = join(dir, NAME);
    const file = { path, mode: '0640', sha256: sha256Of('hello\n'), ...(owner !== undefined && { owner }) };
    const { differences } = await compareFiles({ executor: inShell(shell), programs }, [file]);
    return differences.map(({ path: where, differs, message }) => {
      expect(where).toBe(path);
      return `${differs}: ${message.replace(`${path} `, '')}`;
    });
  };

  it.each<[what: string, script: string, found: string[], owner?: string]>([
    ['the file as it was placed', '', []],
    ['the file of another owner as it was placed', 'chown 1:12 "$1"', [], '1:12'],
    ['the file of another owner by name', 'chown daemon:man "$1"', [], 'daemon:man'],
    ['the file of a number with zeros before it', 'chown 1:12 "$1"', [], '001:012'],
    ['another content', 'echo hallo >"$1"', ['content: has different content']],
    ['no content', ': >"$1"', ['content: has different content']],
    ['another mode', 'chmod 4755 "$1"', ['mode: has mode 4755, not 0640']],
    ['another owner', 'chown daemon "$1"', ['owner: belongs to daemon, not the login user']],
    ['another group', 'chgrp man "$1"', ['owner: belongs to root:man, not root:root'], 'root:root'],
    ['a group that does not matter', 'chgrp man "$1"', [], 'root'],
    [
      'everything else',
      'echo x >"$1"; chmod 600 "$1"; chown daemon "$1"',
      [
        'content: has different content',
        'mode: has mode 0600, not 0640',
        'owner: belongs to daemon, not the login user',
      ],
    ],
    ['nothing', 'rm "$1"', ['missing: is missing']],
    ['a link to the same content', 'mv "$1" "$2"; ln -s "$2" "$1"', ['kind: is a link']],
    ['a link that leads nowhere', 'ln -sf /none/such "$1"', ['kind: is a link']],
    ['a directory', 'rm "$1"; mkdir "$1"', ['kind: is a directory']],
    ['a pipe that nobody writes to', 'rm "$1"; mkfifo "$1"', ['kind: is not a regular file']],
    ['a device that never ends', 'rm "$1"; mknod "$1" c 1 5', ['kind: is not a regular file']],
  ])('a path that has %s', async (_, script, found, owner) => {
    const place = 'rm -rf "$1" "$2"; echo hello >"$1"; chmod 640 "$1"; ';
    execFileSync('sh', ['-c', place + script, 'sh', join(dir, NAME), join(dir, 'other')]);
    expect(await compare(owner)).toEqual(found);
  });

  it('names the file of many that differs', async () => {
    const paths = Array.from({ length: 12 }, (_, i) => join(dir, `f${i}`));
    for (const path of paths) execFileSync('sh', ['-c', 'echo hello >"$1"; chmod 640 "$1"', 'sh', path]);
    rmSync(paths[10]!);
    const files = paths.map((path) => ({ path, mode: '0640', sha256: sha256Of('hello\n') }));
    const found = await compareFiles({ executor: inShell(shell), programs }, files);
    expect(found).toEqual({
      differences: [expect.objectContaining({ path: paths[10], differs: 'missing' })],
      unread: [],
    });
  });

  it('names the files that could not be read in time, and what else is known of them', async () => {
    const paths = ['first', 'slow', 'last'].map((name) => join(dir, name));
    for (const path of paths) execFileSync('sh', ['-c', 'echo hello >"$1"; chmod 640 "$1"', 'sh', path]);
    truncateSync(paths[1]!, 2 ** 40);
    execFileSync('chmod', ['600', paths[2]!]);
    const files = paths.map((path) => ({ path, mode: '0640', sha256: sha256Of('hello\n') }));
    expect(await compareFiles({ executor: inShell(shell), programs }, files, 2)).toEqual({
      differences: [expect.objectContaining({ path: paths[2], differs: 'mode' })],
      unread: paths.slice(1),
    });
  });
});
