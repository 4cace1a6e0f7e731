import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { hostAt } from '../support/host-at.ts';

describe('a start that meets another request', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-races-'));
  const stateDir = join(dir, 'state');
  const zmxDir = join(dir, 'zmx');
  const executor = new LocalExecutor();
  const host = hostAt(executor, stateDir);
  const servers: Server[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    for (const path of [join(stateDir, 'bin'), join(stateDir, 'sessions'), zmxDir])
      mkdirSync(path, { recursive: true });
    await host.installPrograms();
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const server of servers) server.close();
    rmSync(dir, { recursive: true, maxRetries: 5 });
  });

  const create = async (session: string, env = '', attempt = 1) => {
    const launch = makeLaunch(`run ${process.pid}`, session, 'step', attempt);
    const script = `echo ran >${dir}/ran-${session}`;
    await host.create(launch.id, { ...renderLaunchBody(launch, { script, env: {} }), env });
    return launch.id;
  };
  /** A session is a socket of its name. */
  const makeSession = async (path: string) => {
    const server = createServer().listen(path);
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
  };
  /** A zmx that notes what it is asked; `run` and `kill` do what is given. */
  const fakeZmx = (session: string, run: string, kind = '') => {
    const zmxPath = join(dir, `zmx-${session}${kind}`);
    // Of its own kind only: another's it does not understand.
    const kill = `[ ! -e ${zmxPath}.made ] || rm -f ${zmxPath}.made ${zmxDir}/${session}`;
    const list = `[ ! -e ${zmxPath}.made ] || printf '  name=${session}\\tpid=0\\tclients=0\\tcreated=1\\tended=1\\texit_code=0\\n'`;
    writeFileSync(
      zmxPath,
      `#!/bin/sh\necho "$1 $2" >>${zmxPath}.log\ncase $1 in run) : >${zmxPath}.made; ${run} ;; kill) ${kill} ;; list) ${list} ;; esac\n`,
    );
    chmodSync(zmxPath, 0o755);
    return { place: { session, zmxPath, zmxDir }, asked: () => readFileSync(`${zmxPath}.log`, 'utf8') };
  };

  /** The host program that starts a launch, without the shells that it has forked. */
  const programOf = (id: string) => {
    const pids = readdirSync('/proc').filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0start\0${id}\0`);
      } catch {
        return false;
      }
    });
    return Math.min(...pids.map(Number));
  };

  it('types nothing into the session in which the launch is about to begin', async () => {
    const id = await create('begins');
    await makeSession(join(zmxDir, 'begins'));
    writeFileSync(join(stateDir, 'sessions/begins'), `${id}\n`);
    const zmx = fakeZmx('begins', ':');
    const lock = join(stateDir, 'launches', id, 'lock');
    const held = spawn('flock', [lock, 'sh', '-c', 'echo held; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(held);
    await new Promise((resolve) => held.stdout?.once('data', resolve));
    await host.start(id, { place: zmx.place, secrets: '', boundS: 1 });
    expect(zmx.asked()).not.toMatch(/^(run|kill)/m);
  });

  it.each([
    ['while zmx makes the session', 'sleep 2; '],
    ['just before zmx types', 'sleep 1; ', ' sleep 1'],
    ['after zmx has typed', '', ' sleep 1'],
  ])('asks zmx once although the first start is killed %s', async (when, before, after = '') => {
    const session = `killed-${when.replaceAll(/\W/g, '')}`;
    const id = await create(session);
    await makeSession(join(dir, `${session}-1`));
    const begin = `mv ${dir}/${session}-1 ${zmxDir}/${session}; shift 3; setsid "$@" </dev/null >/dev/null 2>&1 &`;
    const zmx = fakeZmx(session, `: >${dir}/asked-${session}; ${before}${begin}${after}`);
    const killed = host.start(id, { place: zmx.place, secrets: '', boundS: 10 });
    await expect.poll(() => existsSync(join(dir, `asked-${session}`))).toBe(true);
    process.kill(programOf(id), 'SIGKILL');
    await expect(killed).rejects.toMatchObject({ code: 'connection-lost' });
    expect((await host.start(id, { place: zmx.place, secrets: '', boundS: 10 })).kind).not.toBe('created');
    expect(await host.wait(id, { boundS: 10 })).toMatchObject({ kind: 'exited', code: 0 });
    expect(zmx.asked().match(/^run/gm)).toHaveLength(1);
  });

  it('does not wait for a supervisor that has died before it could begin', async () => {
    const id = await create('dies');
    // Where it wants to put the record of the end.
    mkdirSync(join(stateDir, 'launches', id, '.exit'));
    // Ten minutes: longer than a test may take.
    expect(await host.start(id, { secrets: '', boundS: 600 })).toEqual({ kind: 'created' });
  });

  it('closes its session if the launch was cancelled before the session existed', async () => {
    const id = await create('cancelled');
    await makeSession(join(dir, 'waiting'));
    const cancel = `touch ${stateDir}/launches/${id}/cancelled; mv ${dir}/waiting ${zmxDir}/cancelled`;
    const zmx = fakeZmx('cancelled', cancel);
    expect(await host.start(id, { place: zmx.place, secrets: '', boundS: 1 })).toEqual({ kind: 'cancelled' });
    expect(zmx.asked()).toMatch(/^kill cancelled$/m);
    expect(existsSync(join(zmxDir, 'cancelled'))).toBe(false);
  });

  describe('B2: a session that another kind of zmx has made', () => {
    const socket = (session: string, next: string) =>
      `mv ${dir}/${next} ${zmxDir}/${session}; shift 3; setsid sh -c 'exec 3>&1; exec "$@"' sh "$@" </dev/null >/dev/null 2>&1 &`;

    it.each([
      ['by the tool that made it', '-tmux', '-release', 'stays'],
      ['by the tool that made it, the other way round', '-release', '-tmux', 'stays'],
      ['by the tool that made it, also when its launch is forgotten', '-tmux', '-release', 'forgotten'],
      ['by a signal where that tool is gone', '-release', '-tmux', 'gone'],
    ])('is ended %s', async (what, maker, other, state) => {
      const gone = state === 'gone';
      const session = `same-${what.replaceAll(/\W/g, '')}`;
      await makeSession(join(dir, `${session}-1`));
      await makeSession(join(dir, `${session}-2`));
      const first = fakeZmx(session, socket(session, `${session}-1`), maker);
      const id = await create(session);
      expect((await host.start(id, { place: first.place, secrets: '', boundS: 10 })).kind).not.toBe(
        'created',
      );
      expect((await host.wait(id, { boundS: 10 })).kind).toBe('exited');
      const env = { PATH: process.env['PATH'], ZMX_SESSION: session, ZMX_DIR: zmxDir };
      const shell = spawn('sleep', ['60'], { env, stdio: 'ignore' });
      children.push(shell);
      const elsewhere = spawn('sleep', ['60'], { env: { ...env, ZMX_DIR: dir }, stdio: 'ignore' });
      children.push(elsewhere);
      if (gone) rmSync(first.place.zmxPath);
      if (state === 'forgotten') rmSync(join(stateDir, 'launches', id), { recursive: true });

      const second = fakeZmx(session, socket(session, `${session}-2`), other);
      const next = await create(session, '', 2);
      expect((await host.start(next, { place: second.place, secrets: '', boundS: 10 })).kind).not.toBe(
        'created',
      );
      expect(await host.wait(next, { boundS: 10 })).toMatchObject({ kind: 'exited', code: 0 });
      expect(second.asked()).not.toMatch(/^kill/m);
      if (gone) await expect.poll(() => shell.signalCode).toBe('SIGKILL');
      else expect(first.asked()).toMatch(new RegExp(`^kill ${session}$`, 'm'));
      expect(elsewhere.signalCode).toBeNull();
    });
  });

  it('begins no step whose supervisor died just before, because it counts as interrupted by then', async () => {
    // Sourced between the record of the start and the step.
    const id = await create('late', 'kill -KILL $$\nsleep 1\nX=1\n');
    await host.start(id, { secrets: '', boundS: 5 });
    expect(await host.wait(id, { boundS: 5 })).toMatchObject({ kind: 'interrupted' });
    expect(await host.kill(id, { graceS: 0 })).toMatchObject({ left: 0 });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(existsSync(join(dir, 'ran-late'))).toBe(false);
  });
});
