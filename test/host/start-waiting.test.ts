import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { hostAt } from '../support/host-at.ts';

const shim = fileURLToPath(new URL('../../src/zmx/shim/zmx.sh', import.meta.url));
/** More than a test may take. */
const LONG_S = 600;
const SHIM = `#!/bin/sh\nexec sh ${shim} "$@"\n`;

describe.each([['dash'], ['busybox', 'ash']])('a start in a session, asked by %s', (...shell) => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-waiting-'));
  const home = join(dir, 'home');
  const stateDir = join(dir, 'state');
  const zmxDir = join(dir, 'zmx');
  const zmxPath = join(dir, 'zmx.sh');
  const executor = new LocalExecutor({ shell, env: { ...process.env, HOME: home } });
  const host = hostAt(executor, stateDir);
  /** Accepts connections, and sends nothing. */
  const silent = createServer((socket) => socket.unref());
  const launches: { id: string; place: { session: string; zmxPath: string; zmxDir: string } }[] = [];

  beforeAll(async () => {
    for (const path of [home, join(stateDir, 'bin'), zmxDir]) mkdirSync(path, { recursive: true });
    writeFileSync(zmxPath, SHIM, { mode: 0o755 });
    await host.installPrograms();
    await once(silent.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    for (const { id, place } of launches.splice(0)) await host.kill(id, { graceS: 0, place });
  });
  afterAll(() => {
    silent.close();
    rmSync(dir, { recursive: true, maxRetries: 5 });
  });

  /** A launch whose login shell reads this profile. */
  const create = async (name: string, profile: string) => {
    const text = profile
      .replaceAll('~', home)
      .replaceAll('PORT', String((silent.address() as AddressInfo).port));
    writeFileSync(join(home, '.bash_profile'), text);
    const { id } = makeLaunch(dir, name, 'step', 1);
    const body = { script: `echo ran >>${dir}/ran-${name}; echo printed`, env: {} };
    await host.create(id, renderLaunchBody(makeLaunch(dir, name, 'step', 1), body));
    const launch = { id, place: { session: name, zmxPath, zmxDir } };
    launches.push(launch);
    return launch;
  };
  const start = ({ id, place }: (typeof launches)[number], boundS: number) =>
    host.start(id, { place, secrets: '', boundS });

  it.each([
    ['rc-profile-exec-fish', 'export SHELL=`which fish`; [ -z "$FISH_VERSION" ] && exec "$SHELL" -l', /fish/],
    ['a profile that asks a question', 'read -p "code: " code; read -p "again: " code', /again:/],
    ['a trap that swallows commands', `shopt -s extdebug; trap 'echo denied; false' DEBUG`, /denied/],
    ['a shell that is no more than a program', 'echo menu; exec cat', /menu/],
    ['a program that reads everything', 'echo reading; cat >/dev/null', /reading/],
    ['a program that reads more than the command', 'head -c 100000 >/dev/null', /./],
    ['a subshell that asks a question', '(read -p "name: " name; read -p "again: " name)', /again:/],
    ['a pipeline whose end reads a pipe', 'cat | cat >/dev/null', /./],
    ['a job in a process group of its own', 'set -m; cat >/dev/null', /./],
    [
      'a program that polls its terminal',
      '(read -t 600 -p "name: " x; read -t 600 -p "again: " x)',
      /again:/,
    ],
  ])('ends at once where the command is swallowed: %s', async (name, profile, output) => {
    const launch = await create(name.replaceAll(' ', '-'), profile);
    expect(await start(launch, LONG_S)).toMatchObject({
      kind: 'created',
      waiting: { for: 'input', output: expect.stringMatching(output) as string },
    });
    expect(existsSync(`${dir}/ran-${launch.place.session}`)).toBe(false);
  });

  it.each(['echo hi', 'cat', 'exit 1'])(
    'ends at once where the command is swallowed and ~/.bashrc, which bash -c reads for commands of ssh, has %s',
    async (line) => {
      writeFileSync(join(home, '.bashrc'), `${line}\n`);
      const env = { ...process.env, HOME: home, SSH_CLIENT: '192.0.2.1 1 22', SHLVL: '0' };
      const overSsh = new LocalExecutor({ shell, env });
      const asked = hostAt(overSsh, stateDir);
      const { id, place } = await create(`rc-${line.split(' ')[0]}`, 'read -r eaten');
      expect(await asked.start(id, { place, secrets: '', boundS: 30 })).toMatchObject({
        waiting: { for: 'input' },
      });
      rmSync(join(home, '.bashrc'));
    },
  );

  it.each([
    ['profile-exits', 'echo no luck; exit 0', /no luck|^session/],
    ['shell-killed', 'kill -9 $$', /^session/],
  ])('ends at once where the session ends: %s', async (name, profile, output) => {
    expect(await start(await create(name, profile), LONG_S)).toMatchObject({
      kind: 'created',
      waiting: { for: 'nothing', output: expect.stringMatching(output) as string },
    });
  });

  it.each([
    ['a child', 'echo waiting for a lock; sleep 60', /waiting for a lock/],
    ['a file', 'mkfifo ~/fifo; read -t 60 <~/fifo', /./],
    ['a timer of its own', 'exec 9<> <(:); while :; do read -rt 60 -u 9; done', /./],
    ['the CPU', 'while :; do :; done', /./],
    ['a child that waits elsewhere', 'mkfifo ~/other; (read -t 60 <>~/other)', /./],
    [
      'a job beside one that may not read the terminal',
      'set -m; cat & (while [ -d ~ ]; do sleep 0.1; done)',
      /./,
    ],
    [
      'a child of a trap that runs before the command',
      `trap 'case $BASH_COMMAND in *supervise*) echo late; sleep 60 ;; esac' DEBUG`,
      /late/,
    ],
    [
      'a connection of a trap that runs before the command',
      `trap 'case $BASH_COMMAND in *supervise*) bash -c "exec 7<>/dev/tcp/127.0.0.1/PORT; read -u 7" ;; esac' DEBUG`,
      /./,
    ],
  ])(
    'a login that still runs does not count as one that swallows the command: %s',
    async (what, profile, output) => {
      const launch = await create(`at-work-${what.replaceAll(' ', '-')}`, profile);
      expect(await start(launch, 5)).toMatchObject({
        kind: 'created',
        waiting: { for: 'login-shell', output: expect.stringMatching(output) as string },
      });
    },
  );

  it('A7: waits for a slow login, however often it is asked, and does not start it again', async () => {
    const launch = await create('slow', 'echo x >>~/logins; until [ -e ~/go ]; do sleep 0.2; done');
    for (const _ of [1, 2, 3])
      expect(await start(launch, 1)).toMatchObject({ waiting: { for: 'login-shell' } });
    writeFileSync(join(home, 'go'), '');
    expect((await start(launch, 60)).kind).not.toBe('created');
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    expect(readFileSync(join(home, 'logins'), 'utf8')).toBe('x\n');
  });

  it('keeps the session of a launch that begins and ends while a start inspects it', async () => {
    const launch = await create('meanwhile', 'echo x >>~/times; until [ -e ~/now ]; do sleep 0.2; done');
    expect(await start(launch, 1)).toMatchObject({ waiting: { for: 'login-shell' } });
    const end = join(stateDir, 'launches', launch.id, 'exit');
    writeFileSync(
      zmxPath,
      SHIM.replace(
        'exec',
        `[ "$1" != list ] || { touch ${home}/now; until [ -e ${end} ]; do sleep 0.1; done; }; exec`,
      ),
    );
    try {
      expect(await start(launch, 60)).toMatchObject({ kind: 'exited', code: 0 });
    } finally {
      writeFileSync(zmxPath, SHIM);
    }
    expect(readFileSync(join(home, 'times'), 'utf8')).toBe('x\n');
  });

  it('replaces a session that lost the typed command', async () => {
    const launch = await create('lost', '[ ! -e ~/eats ] || { rm ~/eats; read -r eaten; }');
    writeFileSync(join(home, 'eats'), '');
    expect(await start(launch, 60)).toMatchObject({ waiting: { for: 'input' } });
    expect((await start(launch, 60)).kind).not.toBe('created');
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
  });

  it.each(['exec >&-', 'exec 2>&-', 'exec >&- 2>&-'])(
    'keeps the log where the login runs %s',
    async (line) => {
      const launch = await create(`closed-${line.replaceAll(/\W+/g, '-')}`, line);
      expect((await start(launch, 30)).kind).not.toBe('created');
      expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({
        kind: 'exited',
        code: 0,
      });
      expect(readFileSync(join(stateDir, 'launches', launch.id, 'log'), 'utf8')).toMatch(/^printed\r?\n$/);
    },
  );

  it('tmux-no-utf8-locale: reports what tmux prints', async () => {
    const output = 'tmux: invalid LC_ALL, LC_CTYPE or LANG';
    const launch = await create('no-locale', '');
    writeFileSync(zmxPath, `#!/bin/sh\necho '${output}' >&2\nexit 1\n`);
    try {
      expect(await start(launch, 60)).toEqual({
        kind: 'created',
        waiting: { for: 'nothing', output: `${output}\n` },
      });
    } finally {
      writeFileSync(zmxPath, SHIM);
    }
  });
});
