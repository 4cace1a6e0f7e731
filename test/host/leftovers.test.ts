import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch, type Launch } from '../../src/domain/run/ids.ts';
import type { Leftover } from '../../src/domain/run/leftovers.ts';
import type { Host } from '../../src/host/host.ts';
import { listLeftovers } from '../../src/host/host-report.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { probeHost } from '../../src/host/probe.ts';
import { sh, type Command } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { hostAt } from '../support/host-at.ts';

const SHELLS = { dash: ['dash'], bash: ['bash', '--posix'], busybox: ['busybox', 'ash'] } as const;

describe.each(Object.keys(SHELLS) as (keyof typeof SHELLS)[])('leftovers under %s', (name) => {
  const shell = SHELLS[name];
  const stateDir = mkdtempSync(join(tmpdir(), `chandler left's-${name} `));
  const local = new LocalExecutor();
  const executor: Executor = {
    exec: (command: Command, options) =>
      local.exec(command.words[0] === 'sh' ? sh(...shell, ...command.words.slice(1)) : command, options),
  };
  const programs = loadPrograms();
  const launches: Launch[] = [];
  const strangers: ChildProcess[] = [];
  let host: Host;

  beforeAll(async () => {
    await probeHost(executor, programs, { stateDir });
    host = hostAt(executor, stateDir, programs);
    await host.installPrograms();
  });
  afterAll(async () => {
    for (const launch of launches) await host.kill(launch.id, { graceS: 0 });
    for (const stranger of strangers) stranger.kill('SIGKILL');
    rmSync(stateDir, { recursive: true, maxRetries: 5 });
  });

  const create = async (step: string, script: string): Promise<Launch> => {
    const launch = makeLaunch(`run ${process.pid} ${stateDir}`, step, 'finalizer', 2);
    launches.push(launch);
    await host.create(launch.id, renderLaunchBody(launch, { script, env: {} }));
    return launch;
  };
  const start = async (step: string, script: string): Promise<Launch> => {
    const launch = await create(step, script);
    await host.start(launch.id, { secrets: '', boundS: 60 });
    return launch;
  };
  const find = async (launch: Launch): Promise<Leftover | undefined> =>
    (await listLeftovers({ executor, programs }, stateDir)).leftovers.find(
      (each) => each.launch.id === launch.id,
    );
  const pidOf = async (launch: Launch): Promise<number> => {
    const outcome = await local.exec(
      sh('sed', '-n', 's/^pid=//p', join(stateDir, 'launches', launch.id, 'started')),
    );
    return Number('stdout' in outcome ? outcome.stdout : NaN);
  };

  it('are running steps, with their names, start times and numbers of processes', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const launch = await start('runs', 'env -i sleep 1000 & sleep 1000');
    await expect.poll(async () => (await find(launch))?.processes).toBeGreaterThanOrEqual(3);
    const found = await find(launch);
    expect(found).toMatchObject({ launch, state: 'running' });
    expect(found?.sinceMs).toBeGreaterThanOrEqual(before);
    await host.kill(launch.id, { graceS: 1 });
    expect(await find(launch)).toBeUndefined();
  });

  it('are launches whose supervisor was killed, as long as a process of theirs is alive', async () => {
    const launch = await start('orphan', 'sleep 1000');
    await expect.poll(async () => (await find(launch))?.processes).toBeGreaterThanOrEqual(1);
    process.kill(await pidOf(launch), 'SIGKILL');
    await expect.poll(async () => (await find(launch))?.state).toBe('interrupted');
    await host.kill(launch.id, { graceS: 1 });
    expect(await find(launch)).toBeUndefined();
  });

  it('are the remains of a step that failed, not the service of one that succeeded', async () => {
    const background = (code: number) =>
      `setsid sleep 1000 >/dev/null 2>&1 </dev/null & sleep 0.3; exit ${code}`;
    const failed = await start('failed', background(3));
    const service = await start('service', background(0));
    await Promise.all([failed, service].map(({ id }) => host.wait(id, { boundS: 60 })));
    expect(await find(failed)).toMatchObject({ state: 'ended', processes: 1 });
    expect(await find(service)).toBeUndefined();
  });

  it('are launches that have not begun, until they are cancelled', async () => {
    const launch = await create('waits', 'true');
    expect(await find(launch)).toEqual({ launch, state: 'created', processes: 0 });
    await host.kill(launch.id, { graceS: 0 });
    expect(await find(launch)).toBeUndefined();
  });

  it('are not processes with a marker of another state directory, with one like it, or of a pruned launch', async () => {
    const launch = await start('moved', 'sleep 1000');
    const marker = `${launch.id}\nCHANDLER_LAUNCH=${'0'.repeat(20)}`;
    strangers.push(
      spawn('sleep', ['1000'], { env: { CHANDLER_LAUNCH: 'f'.repeat(20) } }),
      spawn('sleep', ['1000'], { env: { OTHER: `CHANDLER_LAUNCH=${launch.id}`, CHANDLER_LAUNCH: marker } }),
    );
    await expect.poll(async () => (await find(launch))?.processes).toBeGreaterThanOrEqual(1);
    const all = (await listLeftovers({ executor, programs }, stateDir)).leftovers;
    expect(all.filter(({ launch: { id } }) => /^(f|0)+$/.test(id))).toEqual([]);
    await host.kill(launch.id, { graceS: 1 });
    const dir = join(stateDir, 'launches', launch.id);
    renameSync(dir, `${dir}.gone`);
    expect(await find(launch)).toBeUndefined();
  });
});
