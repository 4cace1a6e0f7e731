import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sandboxDown, sandboxList, sandboxUp } from '../../src/dev/sandbox/index.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import { isAlive, seeProcesses } from '../../src/dev/sandbox/sandbox-processes.ts';
import type { SeenProcess } from '../../src/dev/sandbox/sandbox-processes.ts';
import { waitUntil } from '../../src/dev/wait-until.ts';
import { run } from '../../src/dev/sandbox/run-program.ts';
import { sshTo } from '../support/hosts.ts';

const root = process.platform === 'linux' && process.getuid?.() === 0;
const announce = (): void => undefined;

function processesIn(hosts: readonly SandboxHost[]): SeenProcess[] {
  const seen = seeProcesses();
  const first = seen.filter(({ pid }) => hosts.some((host) => host.pid === pid));
  return seen.filter((it) => first.some(({ pidNamespace }) => pidNamespace === it.pidNamespace));
}

// Processes, mounts and files that hosts left on this machine.
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

describe.skipIf(!root)('sandbox up, list and down', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-sandbox, a:b-'));
  });
  afterEach(async () => {
    await sandboxDown({ dir });
    await rm(dir, { recursive: true, force: true });
  });

  it('add hosts, list them, remove one and then the rest', async () => {
    const [one, two] = await sandboxUp({ dir, count: 2, announce });
    const [three] = await sandboxUp({ dir, count: 1, announce });
    if (!one || !two || !three) throw new Error('three hosts expected');
    expect(new Set([one.port, two.port, three.port]).size).toBe(3);
    expect(await sandboxList({ dir })).toEqual([one, two, three].map((it) => ({ ...it, running: true })));

    await sshTo(one, 'setsid sh -c "trap : TERM HUP; sleep 300 & sleep 300" >/dev/null 2>&1 &');
    await expect.poll(() => processesIn([one, two, three]).length).toBeGreaterThanOrEqual(11);
    const seen = processesIn([one, two, three]);
    await sandboxDown({ dir, names: ['sandbox-1'] });
    expect((await sandboxList({ dir })).map(({ name }) => name)).toEqual(['sandbox-2', 'sandbox-3']);
    expect((await sshTo(two, 'true')).code).toBe(0);

    await Promise.all([sandboxDown({ dir }), sandboxDown({ dir })]);
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([]);
    expect(await sandboxList({ dir })).toEqual([]);
    await expect(sandboxExec(one, ['true'])).rejects.toThrow("sandbox-1 doesn't run");
  });

  it('list a dead host as not running', async () => {
    const [host] = await sandboxUp({ dir, count: 1, announce });
    process.kill(host?.pid ?? 0, 'SIGKILL');
    await waitUntil(async () => (await sandboxList({ dir }))[0]?.running === false, {
      withinMs: 100_000,
      everyMs: 10,
    });
    expect(await sandboxList({ dir })).toMatchObject([{ name: 'sandbox-1', running: false }]);
  });

  it('remove hosts whose host.json or folder is damaged or missing', async () => {
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

  it("neither kill a process that reuses a host's pid nor delete files that belong to no host", async () => {
    const [host] = await sandboxUp({ dir, count: 1, announce });
    const note = JSON.stringify({ ...host, pid: process.pid, startTime: '1' });
    await writeFile(join(dir, 'sandbox-1', 'host.json'), note);
    await writeFile(join(dir, 'mine.txt'), 'mine');
    const seen = host ? processesIn([host]) : [];
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([`folder ${dir}`]);
    expect(await readdir(dir)).toEqual(['mine.txt']);
  });

  it('leave nothing when hosts are removed while they start', async () => {
    const up = sandboxUp({ dir, count: 4, announce }).catch((error: unknown) => error);
    await waitUntil(() => existsSync(join(dir, 'sandbox-4', 'host.json')), { withinMs: 100_000, everyMs: 2 });
    await sandboxDown({ dir });
    await up;
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });

  it('leave nothing when a host fails to start', async () => {
    await expect(sandboxUp({ dir, count: 2, announce, diskMiB: -1 })).rejects.toThrow(
      /^sandbox-\d did not start: .*mount/,
    );
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });

  it('keep hosts whose starter was killed, and remove them later', async () => {
    const starter = fileURLToPath(new URL('./sandbox-starter.ts', import.meta.url));
    const killed = await run([process.execPath, '--import', 'tsx', starter, dir, 'ready'], {
      timeoutMs: 100_000,
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const hosts = await sandboxList({ dir });
    expect(hosts).toMatchObject([{ running: true }, { running: true }]);
    expect((await sshTo(hosts[0] as SandboxHost, 'true')).code).toBe(0);
    const seen = processesIn(hosts);
    await sandboxDown({ dir });
    expect(leftBehind(dir, seen)).toEqual([]);
  });

  it('leave no process when the starter is killed before it writes host.json', async () => {
    const starter = fileURLToPath(new URL('./sandbox-starter.ts', import.meta.url));
    const killed = await run([process.execPath, '--import', 'tsx', starter, dir, 'noted'], {
      timeoutMs: 100_000,
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const pid = Number(killed.stdout);
    const gone = await waitUntil(() => seeProcesses().every((it) => it.pid !== pid), {
      withinMs: 100_000,
      everyMs: 10,
    });
    expect(gone).toBe(true);
    await sandboxDown({ dir });
    expect(leftBehind(dir, [])).toEqual([]);
  });
});
