import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sandboxDown, sandboxExec, sandboxList, sandboxUp } from '../../src/dev/sandbox/index.ts';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import { isAlive, seeProcesses } from '../../src/dev/sandbox/processes.ts';
import type { SeenProcess } from '../../src/dev/sandbox/processes.ts';
import { waitUntil } from '../../src/dev/sandbox/ready.ts';
import { run } from '../../src/dev/sandbox/run.ts';
import { sshTo } from '../support/hosts.ts';

const root = process.platform === 'linux' && process.getuid?.() === 0;
const announce = (): void => undefined;

function processesIn(hosts: readonly SandboxHost[]): SeenProcess[] {
  const seen = seeProcesses();
  const first = seen.filter(({ pid }) => hosts.some((host) => host.pid === pid));
  return seen.filter((it) => first.some(({ pidNamespace }) => pidNamespace === it.pidNamespace));
}

// What a host could leave: processes, mounts of this machine, files.
function leftBehind(dir: string, processes: readonly SeenProcess[]): string[] {
  const alive = [
    ...processes.filter((process) => isAlive(process)),
    ...seeProcesses().filter(({ hostFolder }) => hostFolder?.startsWith(dir)),
  ];
  return [
    ...alive.map(({ pid }) => `process ${pid}`),
    // mountinfo writes a space as \\040.
    ...(readFileSync('/proc/self/mountinfo', 'utf8').includes(dir.replaceAll(' ', '\\040'))
      ? ['a mount']
      : []),
    ...(existsSync(dir) ? [`folder ${dir}`] : []),
  ];
}

describe.skipIf(!root)('up, list and down', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-sandbox, a:b-'));
  });
  afterEach(async () => {
    await sandboxDown({ dir });
    await rm(dir, { recursive: true, force: true });
  });

  it('adds hosts, lists them, takes one down and then the rest', async () => {
    const [one, two] = await sandboxUp({ dir, count: 2, announce });
    const [three] = await sandboxUp({ dir, count: 1, announce });
    if (!one || !two || !three) throw new Error('three hosts expected');
    expect(new Set([one.port, two.port, three.port]).size).toBe(3);
    expect(await sandboxList({ dir })).toEqual([one, two, three].map((it) => ({ ...it, running: true })));

    await sshTo(one, 'setsid sh -c "trap : TERM HUP; sleep 300 & sleep 300" >/dev/null 2>&1 &');
    await waitUntil(() => processesIn([one]).length >= 5, { withinMs: 2000, everyMs: 10 });
    const seen = processesIn([one, two, three]);
    expect(seen.length).toBeGreaterThanOrEqual(11);
    await sandboxDown({ dir, names: ['sandbox-1'] });
    expect((await sandboxList({ dir })).map(({ name }) => name)).toEqual(['sandbox-2', 'sandbox-3']);
    expect((await sshTo(two, 'true')).code).toBe(0);

    await Promise.all([sandboxDown({ dir }), sandboxDown({ dir })]);
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([]);
    expect(await sandboxList({ dir })).toEqual([]);
    await expect(sandboxExec(one, ['true'])).rejects.toThrow("sandbox-1 doesn't run");
  });

  it('lists a host that died as not running', async () => {
    const [host] = await sandboxUp({ dir, count: 1, announce });
    process.kill(host?.pid ?? 0, 'SIGKILL');
    await waitUntil(async () => (await sandboxList({ dir }))[0]?.running === false, {
      withinMs: 2000,
      everyMs: 10,
    });
    expect(await sandboxList({ dir })).toMatchObject([{ name: 'sandbox-1', running: false }]);
  });

  it('takes hosts down whose notes are damaged, missing or deleted with their folder', async () => {
    const hosts = await sandboxUp({ dir, count: 3, announce });
    const seen = processesIn(hosts);
    await writeFile(join(dir, 'sandbox-1', 'host.json'), '{"name": "sandb');
    await rm(join(dir, 'sandbox-2', 'host.json'));
    await rm(join(dir, 'sandbox-3'), { recursive: true });
    await mkdir(join(dir, 'sandbox-9'));
    expect(await sandboxList({ dir })).toEqual([]);
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([]);
  });

  it('never kills a process that merely got the number of a host, nor deletes what is not its own', async () => {
    const [host] = await sandboxUp({ dir, count: 1, announce });
    const note = JSON.stringify({ ...host, pid: process.pid, startTime: '1' });
    await writeFile(join(dir, 'sandbox-1', 'host.json'), note);
    await writeFile(join(dir, 'mine.txt'), 'mine');
    const seen = host ? processesIn([host]) : [];
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([`folder ${dir}`]);
    expect(await readdir(dir)).toEqual(['mine.txt']);
  });

  it('leaves nothing when taken down while still coming up', async () => {
    const up = sandboxUp({ dir, count: 4, announce }).catch((error: unknown) => error);
    await waitUntil(() => existsSync(join(dir, 'sandbox-4', 'host.json')), { withinMs: 2000, everyMs: 2 });
    await sandboxDown({ dir });
    await up;
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });

  it('leaves nothing when a host does not start', async () => {
    await expect(sandboxUp({ dir, count: 2, announce, diskMiB: -1 })).rejects.toThrow(
      /^sandbox-\d did not start: .*mount/,
    );
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });

  it('keeps hosts when their starter is killed, and takes them down afterwards', async () => {
    const starter = fileURLToPath(new URL('./sandbox-starter.ts', import.meta.url));
    const killed = await run([process.execPath, '--import', 'tsx', starter, dir, 'ready'], {
      timeoutMs: 15_000,
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const hosts = await sandboxList({ dir });
    expect(hosts).toMatchObject([{ running: true }, { running: true }]);
    expect((await sshTo(hosts[0] as SandboxHost, 'true')).code).toBe(0);
    const seen = processesIn(hosts);
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([]);
  });

  it('leaves no process behind when its starter is killed before it could note the host down', async () => {
    const starter = fileURLToPath(new URL('./sandbox-starter.ts', import.meta.url));
    const killed = await run([process.execPath, '--import', 'tsx', starter, dir, 'noted'], {
      timeoutMs: 15_000,
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const pid = Number(killed.stdout);
    const gone = await waitUntil(() => seeProcesses().every((it) => it.pid !== pid), {
      withinMs: 2000,
      everyMs: 10,
    });
    expect(gone).toBe(true);
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });
});
