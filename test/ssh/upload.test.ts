import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { render } from '../../src/shell/index.ts';
import { openConnection } from '../../src/ssh/connection.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import type { Executor, Outcome } from '../../src/ssh/executor.ts';
import { upload } from '../../src/ssh/upload.ts';
import { asPrinted } from '../support/frames.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { pause, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

let sshd: Sshd;
let proxy: FaultProxy;
let connection: Connection;
let dir: string;

beforeAll(async () => {
  sshd = await startSshd();
  proxy = await startFaultProxy(sshd.port);
  sshd.alsoKnownAt(proxy.port);
  connection = await openConnection(sshd.target());
  dir = join(sshd.dir, 'up');
  mkdirSync(dir);
});
afterAll(async () => {
  connection.close();
  await proxy.close();
  await sshd.stop();
});

const answering = (outcome: Outcome): Executor => ({ exec: async () => outcome });
/** A host on which the program fails with this code, and other commands work. */
const failing = (failed: number, stderr: string): Executor => ({
  exec: async (command, options) => {
    const line = Buffer.from(options?.stdin ?? '')
      .toString()
      .trimEnd();
    const stdout = asPrinted(command, `chandler: failed=${failed}\nchandler: line=${line.length}\n`);
    options?.onOutput?.(stdout);
    return { kind: 'exited', code: failed, stdout: stdout.toString(), stderr };
  },
});
const exited = (code: number, stderr: string): Outcome => ({ kind: 'exited', code, stdout: '', stderr });
const killed: Outcome = { kind: 'signalled', signal: 'SIGKILL', stdout: '', stderr: '' };
/** A host on which the program is killed, and other commands work. */
const killing: Executor = {
  exec: async (command, options) =>
    String(options?.stdin).startsWith('printf') ? failing(0, '').exec(command, options) : killed,
};

describe('upload', () => {
  it('installs the content, for the user only', async () => {
    const path = join(dir, "it's here");
    await upload(connection, [{ path, content: 'héllo' }]);
    expect(readFileSync(path, 'utf8')).toBe('héllo');
    expect(statSync(path).mode & 0o7777).toBe(0o600);
  });

  it('replaces a file, with empty content and with every byte', async () => {
    const path = join(dir, 'replaced');
    writeFileSync(path, 'old');
    const content = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256));
    await upload(connection, [{ path, content }]);
    expect(readFileSync(path).equals(content)).toBe(true);
    await upload(connection, [{ path, content: '' }]);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('installs nothing and leaves nothing behind when the connection breaks', async () => {
    const path = join(dir, 'cut', 'file');
    mkdirSync(join(dir, 'cut'));
    writeFileSync(path, 'old');
    const weak = await openConnection(sshd.target({ port: proxy.port }));
    proxy.setMode('truncate', { truncateBytes: 1_000_000 });
    const cut = upload(weak, [{ path, content: Buffer.alloc(5_000_000, 'x') }]);
    await expect(cut).rejects.toMatchObject({ code: 'connection-lost' });
    proxy.setMode('pass');
    for (let i = 0; i < 40 && readdirSync(join(dir, 'cut')).length > 1; i++) await pause(50);
    expect(readdirSync(join(dir, 'cut'))).toEqual(['file']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('reports a full disk and a read-only one', async () => {
    const mount = join(dir, 'full');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
    try {
      const full = upload(connection, [
        {
          path: join(mount, 'f'),
          content: Buffer.alloc(1_000_000),
        },
      ]);
      await expect(full).rejects.toMatchObject({
        code: 'disk-full',
        message: expect.stringContaining('No space left') as string,
      });
      expect(readdirSync(mount)).toEqual([]);
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      const readOnly = upload(connection, [{ path: join(mount, 'f'), content: 'x' }]);
      await expect(readOnly).rejects.toMatchObject({ code: 'state-directory-unwritable' });
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it.each([
    ['a directory that is missing', (): string => join(dir, 'missing', 'f')],
    ['a file as directory', (): string => `${join(dir, "it's here")}/f`],
    ['a directory in place of the file', (): string => dir],
  ])('reports %s', async (_, path) => {
    const failed = upload(connection, [{ path: path(), content: 'x' }]);
    await expect(failed).rejects.toMatchObject({ code: 'state-directory-unwritable' });
  });

  it('never passes a path as an option', async () => {
    const sent: string[] = [];
    const executor: Executor = {
      exec: async (command, options) => {
        sent.push(render(command));
        options?.onOutput?.(asPrinted(command, ''));
        return exited(0, '');
      },
    };
    await upload(executor, [{ path: '-rf', content: 'x' }]);
    const sum = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';
    expect(sent.join().endsWith(` ./-rf 1 ${sum}`)).toBe(true);
  });

  it.each<[string, Outcome | Executor, string]>([
    ['a lost connection', { kind: 'lost', reason: 'gone', started: 'unknown' }, 'connection-lost'],
    ['a killed program', killing, 'connection-lost'],
    ['a login that kills every command', answering(killed), 'login-interferes'],
    ['a short count', failing(65, '5 of 6 bytes arrived'), 'disk-full'],
    ['a wrong sum', failing(66, 'sha256 is x, not y'), 'connection-lost'],
    ['a host without sha256sum', failing(69, 'sha256sum is not installed'), 'host-unsupported'],
    [
      'a directory of another user',
      failing(73, 'mktemp: failed: Permission denied'),
      'state-directory-unwritable',
    ],
    ['a quota', failing(74, 'cat: write error: Disk quota exceeded'), 'disk-full'],
    ['a shell that is missing', exited(127, 'sh: not found'), 'login-interferes'],
    ['a program that never ran', exited(0, ''), 'login-interferes'],
  ])('reports %s', async (_, outcome, code) => {
    const executor = 'kind' in outcome ? answering(outcome) : outcome;
    await expect(upload(executor, [{ path: '/x', content: 'x' }])).rejects.toMatchObject({
      code,
    });
  });
});

describe('upload.sh', () => {
  const program = new URL('../../src/ssh/programs/upload.sh', import.meta.url).pathname;

  it.each([['dash'], ['bash'], ['busybox', 'sh']])(
    'installs nothing of the wrong size or sum, under %s',
    (...shell) => {
      const path = join(dir, 'checked');
      const [file = '', ...args] = shell;
      const run = (size: string, input: string): number => {
        try {
          execFileSync(file, [...args, program, path, size, sum], { input, stdio: 'pipe' });
          return 0;
        } catch (error) {
          return (error as { status: number }).status;
        }
      };
      const sum = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
      expect([run('3', 'ab'), run('3', 'abcd'), run('3', 'abb')]).toEqual([65, 65, 66]);
      expect(() => statSync(path)).toThrow('ENOENT');
      expect(run('3', 'abc')).toBe(0);
      execFileSync('rm', [path]);
    },
  );
});
