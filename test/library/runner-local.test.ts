import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { Runner, parseSessions } from '../../src/library/index.ts';
import { LocalExecutor } from '../support/local-executor.ts';

describe('a Runner on this machine, with the shim over tmux', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'chandler-runner-'));
  const zmxDir = mkdtempSync(join(tmpdir(), 'zmx-'));
  const sentinel = join(stateDir, 'provisioned');
  const provisionScript = join(stateDir, 'provision.sh');
  const options = {
    executor: new LocalExecutor(),
    programs: loadPrograms(),
    runId: `runner-test-${process.pid}`,
    paths: { sentinel, provisionScript },
  };
  // Where links go by default belongs to the machine, and every sandbox host is laid over it.
  const zmx = { spec: { source: 'tmux' }, linkDir: join(stateDir, 'bin') } as const;
  let runner: Runner;
  beforeAll(async () => {
    const { facts } = await Runner.open({ ...options, stateDir });
    runner = new Runner({ ...options, facts: { ...facts, zmxDir } });
  });
  afterAll(async () => {
    rmSync(stateDir, { recursive: true, force: true });
    rmSync(zmxDir, { recursive: true, force: true });
  });

  it('installs zmx, and a second time harmlessly', async () => {
    expect(await runner.pollStatus(['a'])).toEqual({ status: '', done: false });
    const first = await runner.installZmx(zmx);
    expect(first).toMatchObject({ source: 'tmux', path: expect.stringContaining(stateDir) as string });
    expect(await runner.installZmx(zmx)).toEqual({ ...first, source: 'existing' });
    expect(await runner.pollStatus(['a'])).toEqual({ status: 'a pending', done: false });
  });

  it('runs steps side by side, each once, and waits for all of them', async () => {
    const log = join(stateDir, 'ran');
    const go = join(stateDir, 'go');
    await runner.run({
      name: 'slow',
      script: `echo ran >>'${log}'; until [ -e '${go}' ]; do sleep 0.1; done; echo "said $WORD"`,
      env: { WORD: "it's" },
    });
    await runner.run({ name: 'bad', script: 'exit 7' });
    await runner.run({ name: 'slow', script: 'echo never' });
    writeFileSync(go, '');
    await expect(runner.wait('slow', 'bad')).rejects.toMatchObject({
      code: 'step-failed',
      message: 'one or more provisioning steps failed (exit 7)',
      facts: { step: 'bad', exitCode: 7 },
    });
    await runner.wait('slow');
    await expect
      .poll(() => runner.pollStatus(['slow', 'bad']))
      .toEqual({ status: 'slow done, bad failed (exit 7)', done: true });
    const sessions = parseSessions(await runner.list());
    expect(Object.fromEntries(sessions.map(({ name, exitCode }) => [name, exitCode]))).toEqual({
      bad: '7',
      slow: '0',
    });
    expect(await runner.history('slow')).toContain("said it's");
  });

  it('explains what is wrong with an unknown name', async () => {
    await expect(runner.wait('nobody')).rejects.toThrow('one or more provisioning steps failed (absent)');
    await expect(runner.history('nobody')).rejects.toThrow(/^getting history for nobody: /);
  });

  it('waits for a host that provisions itself', async () => {
    expect([await runner.isProvisioned(), await runner.hasProvisionScript()]).toEqual([false, false]);
    await runner.waitProvisioned(() => expect.unreachable('no script'));
    writeFileSync(provisionScript, '#!/bin/sh\n', { mode: 0o755 });
    expect(await runner.hasProvisionScript()).toBe(true);
    const said: string[] = [];
    await runner.waitProvisioned(
      (status) => {
        said.push(status.split(', ').toSorted().join(', '));
        writeFileSync(sentinel, '');
      },
      { intervalMs: 10 },
    );
    expect(said).toEqual(['bad failed (exit 7), slow done']);
    expect(await runner.isProvisioned()).toBe(true);
  });

  it('ends a step and its session', async () => {
    await runner.run({ name: 'endless', script: 'setsid sleep 1000 & sleep 1000' });
    for (const name of ['slow', 'bad', 'endless']) {
      const launch = makeLaunch(options.runId, name, 'step', 1);
      const { left } = await runner.host.kill(launch.id, { graceS: 0, place: runner.host.place(launch) });
      expect(left).toBe(0);
    }
    expect(await runner.list()).not.toContain('name=');
  });
});
