import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { attachWork, sessionGone } from '../../../src/cli/commands/attach-command.ts';
import { shellWork } from '../../../src/cli/commands/ssh-command.ts';
import { renderSsh } from '../../../src/cli/local/run-ssh.ts';
import { makeLaunch } from '../../../src/domain/run/ids.ts';
import { attachCommand } from '../../../src/host/attach.ts';
import { render } from '../../../src/shell/index.ts';

const launch = makeLaunch('run', 'a', 'step', 2);
const place = { session: 'a.2', zmxPath: '/opt/zmx', zmxDir: '/z z' };

describe('what opens a session', () => {
  it('is one line that every login shell reads alike, as root if the target uses become', () => {
    const { command = '' } = attachWork(
      { target: { host: 'h', become: 'sudo' }, stateDir: '/s' },
      launch,
      place,
    );
    expect(command).toMatch(/^sudo -n -H -- sh -c 'state=\$1; /);
    expect(command).toMatch(new RegExp(`' attach /s ${launch.id} a\\.2 /opt/zmx '/z z'$`));
    expect(command).not.toMatch(/[\n!`]/);
    expect(command.replaceAll(`'\\''`, '')).not.toContain('\\');
  });

  it('uses a POSIX shell for a jump host, whatever the login shell is', () => {
    const target = {
      host: 'web1',
      port: 22,
      user: 'root',
      identities: { files: [], agent: 'all' },
      hostKey: { kind: 'known-hosts', files: ['/k'] },
    } as const;
    expect(renderSsh(target, { tty: false })).toMatch(/^ssh -F none /);
    expect(renderSsh({ ...target, jump: target }, { tty: false })).toMatch(
      /^env SHELL=\/bin\/sh ssh -F none /,
    );
  });

  test.each([
    [{}, [], true, { tty: true }],
    [{}, ['df', '-h', '|', 'cat'], false, { tty: false, command: 'df -h | cat' }],
    [{ become: 'sudo' as const }, [], true, { tty: true, command: 'sudo -n -i' }],
    [
      { become: 'sudo' as const },
      ["echo 'a b'"],
      false,
      { tty: false, command: `sudo -n -H -- sh -c 'echo '\\''a b'\\'''` },
    ],
  ])('a shell for %j and %j', (target, words, tty, work) => {
    expect(shellWork(target, words, tty)).toEqual(work);
  });

  it('is explained if there is none', () => {
    const finalizer = { state: 'parked', attempt: 1 } as const;
    const steps = [{ name: 'a', state: 'succeeded', attempt: 1, finalizer }] as const;
    expect(sessionGone({ steps: [...steps] }, 'a')).toEqual([
      'There is no session of a to attach to.',
      'Those of steps that have succeeded are closed when the run ends, unless the plan has `keepSessions: all`.',
      'Its finalizer has none; the log of that comes with --finalizer.',
    ]);
    expect(sessionGone({ steps: [] }, 'a')).toHaveLength(1);
  });
});

/** What the versions of zmx answer to `list`, as recorded from them; `list` is all that is asked before `attach`. */
const LISTS: readonly (readonly [string, string, 'attached' | 'gone'])[] = [
  ['0.5–0.7', '  name=a.2\tpid=9\tclients=0\tcreated=1\tstart_dir=/\n', 'attached'],
  ['0.8', '  name=a.2\tpid=9\tclients=0\tcreated=1\tcwd=/\tended=2\texit_code=3\tk=v\n', 'attached'],
  ['any, asked from inside', '→ name=a.2\tpid=9\tclients=1\tcreated=1\n', 'attached'],
  ['any, of another name', '  name=xa.2\tpid=9\n  name=a\tpid=8\n  name=b\tpid=7\tcmd=name=a.2\n', 'gone'],
  ['any, whose dots are no patterns', '  name=aX2\tpid=9\n', 'gone'],
  ['any, without sessions', '', 'gone'],
  ['0.6, whose daemon is dead', '  name=a.2\terr=ConnectionRefused\tstatus=cleaning up\n', 'gone'],
  ['0.5, while the step prints hard', '  name=a.2\terr=Unexpected\tstatus=unreachable\n', 'attached'],
  ['0.7, whose daemon hangs', '  name=a.2\terr=Timeout\tstatus=unreachable\n', 'attached'],
];

describe('attach checks for the session first, because zmx would create a new one', () => {
  let dir: string;
  let socket: Server;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "chandler attach's "));
    mkdirSync(join(dir, 'sessions'));
    writeFileSync(join(dir, 'sessions/a.2'), `${launch.id}\n`);
    // Prints its environment, too: a session of the caller would turn `attach` into something else.
    writeFileSync(
      join(dir, 'zmx'),
      '#!/bin/sh\nif [ "$1" = list ]; then cat "$ZMX_DIR/rows"; else echo "attached $* ${ZMX_SESSION-none}"; fi\n',
    );
    chmodSync(join(dir, 'zmx'), 0o755);
    socket = createServer();
    await new Promise((resolve) => socket.listen(join(dir, 'a.2'), () => resolve(undefined)));
  });
  afterAll(() => {
    socket.close();
    rmSync(dir, { recursive: true });
  });

  const open = (shell: readonly string[], session = 'a.2', id = launch.id) => {
    const where = { session, zmxPath: join(dir, 'zmx'), zmxDir: dir };
    const line = render(attachCommand(where, { stateDir: dir, launchId: id }));
    const [program = '', ...args] = shell;
    const env = { PATH: process.env['PATH'], ZMX_SESSION: 'mine', ZMX_SESSION_PREFIX: 'p' };
    // A bash that is called with a socket for its input reads ~/.bashrc.
    const { status, stdout, stderr } = spawnSync(program, [...args, '-c', line], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    return { status, said: stdout + stderr };
  };

  describe.each([[['dash']], [['bash']], [['busybox', 'ash']]])('under %s', (shell) => {
    test.each(LISTS)('zmx %s', (_, rows, expected) => {
      writeFileSync(join(dir, 'rows'), rows);
      const { status, said } = open(shell);
      if (expected === 'attached')
        expect({ status, said }).toEqual({ status: 0, said: 'attached attach a.2 none\n' });
      else expect({ status, said }).toEqual({ status: 44, said: 'chandler: the session a.2 has ended\n' });
    });

    it('fails if the session was never made, is of another run, or has no socket', () => {
      writeFileSync(join(dir, 'rows'), '  name=a.2\tpid=9\n  name=b\tpid=9\n');
      expect(open(shell, 'a.2', 'f'.repeat(20))).toMatchObject({ status: 44 });
      expect(open(shell, 'b')).toMatchObject({ status: 44 });
      writeFileSync(join(dir, 'sessions/b'), `${launch.id}\n`);
      expect(open(shell, 'b')).toEqual({
        status: 44,
        said: 'chandler: the session b no longer exists\n',
      });
    });

    it('fails while zmx does not answer', () => {
      rmSync(join(dir, 'rows'));
      const { status, said } = open(shell);
      expect(said).toContain('zmx does not answer');
      expect(status).toBe(1);
    });
  });

  it('is read alike by every login shell', () => {
    writeFileSync(join(dir, 'rows'), '  name=a.2\tpid=9\n');
    // A csh reads ! and line ends in quotes in its own way.
    const shells = ['csh', 'fish', 'zsh'].filter((name) => spawnSync(name, ['-c', 'true']).status === 0);
    for (const shell of [...shells, 'bash']) expect(open([shell])).toMatchObject({ status: 0 });
  });
});
