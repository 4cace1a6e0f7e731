import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch } from '../../src/domain/ids.ts';
import { Host } from '../../src/host/host.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { upload } from '../../src/ssh/index.ts';
import { LocalExecutor } from '../support/local-executor.ts';

describe('a start that meets another order', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-races-'));
  const stateDir = join(dir, 'state');
  const zmxDir = join(dir, 'zmx');
  const executor = new LocalExecutor();
  const host = new Host(executor, loadPrograms(), (file) => upload(executor, file), stateDir);
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

  const create = async (session: string, env = '') => {
    const launch = makeLaunch(`run ${process.pid}`, session, 'step', 1);
    const script = `echo ran >${dir}/ran-${session}`;
    await host.create(launch.id, { ...renderLaunchBody(launch, { script, env: {} }, 0), env });
    return launch.id;
  };
  /** A session is a socket of its name. */
  const makeSession = async (path: string) => {
    const server = createServer().listen(path);
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
  };
  /** A zmx that notes what it is asked; `run` and `kill` do what is given. */
  const fakeZmx = (session: string, run: string) => {
    const zmxPath = join(dir, `zmx-${session}`);
    const kill = `rm -f ${zmxDir}/${session}`;
    writeFileSync(
      zmxPath,
      `#!/bin/sh\necho "$1 $2" >>${zmxPath}.log\ncase $1 in run) ${run} ;; kill) ${kill} ;; esac\n`,
    );
    chmodSync(zmxPath, 0o755);
    return { place: { session, zmxPath, zmxDir }, asked: () => readFileSync(`${zmxPath}.log`, 'utf8') };
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

  it('does not wait for a supervisor that has died before it could begin', async () => {
    const id = await create('dies');
    // Where it wants to put the record of the end.
    mkdirSync(join(stateDir, 'launches', id, '.exit'));
    const begunMs = Date.now();
    expect(await host.start(id, { secrets: '', boundS: 60 })).toEqual({ kind: 'created' });
    expect(Date.now() - begunMs).toBeLessThan(30_000);
  });

  it('closes its session when the launch was cancelled before the session was there', async () => {
    const id = await create('cancelled');
    await makeSession(join(dir, 'waiting'));
    const cancel = `touch ${stateDir}/launches/${id}/cancelled; mv ${dir}/waiting ${zmxDir}/cancelled`;
    const zmx = fakeZmx('cancelled', cancel);
    expect(await host.start(id, { place: zmx.place, secrets: '', boundS: 1 })).toEqual({ kind: 'cancelled' });
    expect(zmx.asked()).toMatch(/^kill cancelled$/m);
    expect(existsSync(join(zmxDir, 'cancelled'))).toBe(false);
  });

  it('begins no step whose supervisor died just before: it is taken for interrupted by then', async () => {
    // Sourced between the record of the start and the step.
    const id = await create('late', 'kill -KILL $$\nsleep 1\nX=1\n');
    await host.start(id, { secrets: '', boundS: 5 });
    expect(await host.wait(id, { boundS: 5 })).toMatchObject({ kind: 'interrupted' });
    expect(await host.kill(id, { graceS: 0 })).toMatchObject({ left: 0 });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(existsSync(join(dir, 'ran-late'))).toBe(false);
  });
});
