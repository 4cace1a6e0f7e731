import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderPlacement } from '../../src/host/render-files.ts';
import { PlacementDir } from '../support/placement-dir.ts';

const isRoot = process.getuid?.() === 0;

let host: PlacementDir;
beforeEach(() => {
  host = new PlacementDir();
});
afterEach(() => host.remove());

describe('files under attack', () => {
  it('are whole at every moment for a reader', async () => {
    const versions = ['a', 'b'].map((letter) => letter.repeat(300_000));
    await host.run([host.packed('x', versions[0]!)]);
    const seen = new Set<string>();
    const over = new AbortController();
    const read = async () => {
      while (!over.signal.aborted) {
        seen.add(await readFile(host.at('x'), 'utf8'));
        await delay(1);
      }
    };
    const reading = read();
    for (let i = 1; i < 6; i++) await host.run([host.packed('x', versions[i % 2]!)]);
    over.abort();
    await reading;
    expect([...seen].every((content) => versions.includes(content))).toBe(true);
    expect(seen.size).toBe(2);
  });

  it.runIf(isRoot)('never change what a user links into the directory meanwhile', async () => {
    const victim = join(host.dir, 'victim');
    writeFileSync(victim, 'untouched', { mode: 0o600 });
    mkdirSync(host.at());
    const file = host.packed('x', 'x', { mode: '4777', owner: 'daemon' });
    const temp = /'?each\(\) \{\n"\$1" (\w+)/.exec(renderPlacement([file], ''))?.[1] ?? '';
    expect(temp).toMatch(/^[0-9a-f]{20}$/);
    const attack = `cd '${host.at()}'; while :; do ln -sf '${victim}' .chandler-new.${temp}; done`;
    const attacker = spawn('sh', ['-c', attack], { stdio: 'ignore' });
    const codes = new Set<number>();
    for (let i = 0; i < 15; i++) codes.add((await host.run([file])).code);
    attacker.kill('SIGKILL');
    await once(attacker, 'close');
    const { mode, uid } = statSync(victim);
    expect([readFileSync(victim, 'utf8'), mode & 0o7777, uid]).toEqual(['untouched', 0o600, 0]);
    expect([...codes].every((code) => code === 0 || code === 73)).toBe(true);
  });

  it('are old or new after a kill -9 before any command, and the next attempt places them', async () => {
    const olds = ['old 1', 'old 2'];
    const files = ['new 1', 'new 2'].map((content, i) => host.packed(`sub/${i}`, content, { mode: '0640' }));
    const trap = join(host.dir, 'trap.sh');
    // The trap runs before each command of bash, also in subshells, and ends the whole group.
    writeFileSync(
      trap,
      `set -o functrace; trap 'printf . >>${host.dir}/count; read -r dots <${host.dir}/count; if [ "\${#dots}" = "$KILL_AT" ]; then kill -KILL 0; fi' DEBUG\n`,
    );
    const crash = async (killAt: number) => {
      rmSync(host.at(), { recursive: true, force: true });
      rmSync(join(host.dir, 'count'), { force: true });
      rmSync(join(host.dir, 'ran'), { force: true });
      mkdirSync(host.at('sub'), { recursive: true });
      for (const [i, old] of olds.entries()) writeFileSync(host.at(`sub/${i}`), old, { mode: 0o600 });
      const child = spawn('bash', [host.launch(files, `: >${host.dir}/ran`)], {
        env: { PATH: process.env['PATH'], BASH_ENV: trap, KILL_AT: String(killAt) },
        detached: true,
        stdio: 'ignore',
      });
      const [, signal] = (await once(child, 'close')) as [number, string | null];
      return signal;
    };
    expect(await crash(0)).toBeNull();
    const commands = statSync(join(host.dir, 'count')).size;
    expect(commands).toBeGreaterThan(60);
    for (let killAt = 1; killAt <= commands; killAt++) {
      expect(await crash(killAt)).toBe('SIGKILL');
      const found = files.map(
        (_, i) =>
          `${readFileSync(host.at(`sub/${i}`), 'utf8')} ${(statSync(host.at(`sub/${i}`)).mode & 0o777).toString(8)}`,
      );
      for (const [i, each] of found.entries())
        expect([`old ${i + 1} 600`, `new ${i + 1} 640`]).toContain(each);
      if (existsSync(join(host.dir, 'ran'))) expect(found).toEqual(['new 1 640', 'new 2 640']);
      expect(await host.run(files)).toMatchObject({ code: 0 });
      expect(files.map((_, i) => readFileSync(host.at(`sub/${i}`), 'utf8'))).toEqual(['new 1', 'new 2']);
      expect(host.staged()).toEqual([]);
    }
  }, 300_000);
});
