import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  sandboxDown,
  sandboxExec,
  sandboxList,
  sandboxReboot,
  sandboxSshd,
  sandboxUp,
} from '../../src/dev/sandbox/index.ts';
import type { Output, SandboxHost } from '../../src/dev/sandbox/index.ts';
import { isAlive, seeProcesses } from '../../src/dev/sandbox/processes.ts';
import type { SeenProcess } from '../../src/dev/sandbox/processes.ts';
import { greets, waitUntil } from '../../src/dev/sandbox/ready.ts';
import { run } from '../../src/dev/sandbox/run.ts';
import { startHost } from '../support/hosts.ts';
import type { TestHost } from '../support/hosts.ts';

const root = process.platform === 'linux' && process.getuid?.() === 0;
const announce = (): void => undefined;

function ssh(host: SandboxHost, command: string, user = 'root'): Promise<Output> {
  const options = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${host.knownHosts}`, 'BatchMode=yes'];
  return run(
    [
      ...['ssh', '-F', 'none', '-i', host.identity, '-o', 'IdentitiesOnly=yes', '-p', String(host.port)],
      ...options.flatMap((option) => ['-o', option]),
      `${user}@${host.host}`,
      command,
    ],
    { timeoutMs: 10_000 },
  );
}

function processesIn(hosts: readonly SandboxHost[]): SeenProcess[] {
  const seen = seeProcesses();
  const first = seen.filter(({ pid }) => hosts.some((host) => host.pid === pid));
  return seen.filter((it) => first.some(({ pidNamespace }) => pidNamespace === it.pidNamespace));
}

// What a host could leave: processes, mounts of this machine, files.
function expectNothingLeft(dir: string, processes: readonly SeenProcess[]): void {
  expect(processes.filter((process) => isAlive(process))).toEqual([]);
  expect(seeProcesses().filter(({ hostFolder }) => hostFolder?.startsWith(dir))).toEqual([]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
  expect(existsSync(dir)).toBe(false);
}

describe.skipIf(!root)('a sandbox host', () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost({ diskMiB: 64 });
  });
  afterAll(() => host.stop());

  const inside = async (script: string): Promise<string> => {
    const output = await sandboxExec(host, ['sh', '-c', script]);
    expect(output).toMatchObject({ code: 0, stderr: '' });
    return output.stdout.trim();
  };

  it('is reached as root and as app with its key and its known_hosts', async () => {
    expect(await ssh(host, 'id -un; hostname; tty || :')).toMatchObject({
      code: 0,
      stdout: 'root\nsandbox-1\nnot a tty\n',
    });
    expect(await ssh(host, 'id -un; id -u; pwd; touch x', 'app')).toMatchObject({
      code: 0,
      stdout: 'app\n1000\n/home/app\n',
    });
  });

  it('shows the host key that it reports', async () => {
    const printed = await run(['ssh-keygen', '-l', '-f', host.knownHosts]);
    expect(printed.stdout.split(' ')[1]).toBe(host.hostKey);
  });

  it('gives ptys and runs tmux', async () => {
    expect(await inside("script -qefc 'tty; stty size >/dev/null' /dev/null </dev/null | tr -d '\\r'")).toBe(
      '/dev/pts/0',
    );
    await ssh(host, 'tmux new-session -d -s work "sleep 60"');
    expect((await ssh(host, 'tmux list-sessions -F "#{session_name}"; tmux kill-server')).stdout).toBe(
      'work\n',
    );
  });

  it.each([
    '/root',
    '/etc',
    '/var',
    '/var/tmp',
    '/usr',
    '/usr/local/bin',
    '/tmp',
    '/run',
    '/home',
    '/opt',
    '/dev/shm',
    '/',
  ])('writes to its own %s only', async (folder) => {
    const path = join(folder, `chandler-probe-${randomUUID()}`);
    await inside(`echo probe >${path}`);
    expect(existsSync(path)).toBe(false);
    expect(await inside(`cat ${path}; rm ${path}`)).toBe('probe');
  });

  it.each(['/etc/debian_version', '/usr/share/bash-completion', '/var/lib/dpkg/status', '/etc/ssh'])(
    'deletes its own %s only',
    async (path) => {
      const before = existsSync(path);
      await inside(`rm -rf ${path}`);
      expect(await inside(`[ -e ${path} ] || echo gone`)).toBe('gone');
      expect(existsSync(path)).toBe(before);
    },
  );

  it("does not see the machine's files, people, secrets, environment or processes", async () => {
    const secret = await mkdtemp(join(tmpdir(), 'chandler-secret-'));
    expect(await inside(`find ${secret} ${process.cwd()} /root /home 2>/dev/null | sort`)).toBe(
      ['/home', '/home/app', '/home/app/.ssh', '/home/app/.ssh/authorized_keys', '/home/app/x']
        .concat(['/root', '/root/.ssh', '/root/.ssh/authorized_keys'])
        .join('\n'),
    );
    await rm(secret, { recursive: true });
    expect(
      await inside("cut -d: -f2 /etc/shadow | sort -u; awk -F: '$3 >= 1000 { print $1 }' /etc/passwd"),
    ).toBe('*\nnobody\napp');
    expect(await inside('tr "\\0" "\\n" </proc/1/environ; env | grep -v ^PWD | sort')).toBe(
      ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root']
        .concat(['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
        .join('\n'),
    );
    expect(await inside('cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l')).toMatch(/^sh\n\d$/);
    expect((await sandboxExec(host, ['sh', '-c', 'echo x >/proc/sys/kernel/hostname'])).code).not.toBe(0);
    expect(await inside('hostname other; hostname; hostname sandbox-1')).toBe('other');
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).not.toContain('other');
  });

  it('has a boot id of its own, and another after a reboot that keeps the disk', async () => {
    await ssh(host, 'setsid sleep 300 >/dev/null 2>&1 & echo kept >/var/lib/kept; echo gone >/run/gone');
    const before = await inside('cat /proc/sys/kernel/random/boot_id');
    expect(before).not.toBe((await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
    await sandboxReboot(host);
    expect(await ssh(host, 'cat /var/lib/kept /run/gone')).toMatchObject({ stdout: 'kept\n', code: 1 });
    expect(await inside('cat /proc/sys/kernel/random/boot_id')).not.toBe(before);
    expect(await inside('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).not.toContain('sleep 300');
  });

  it('reaps orphans', async () => {
    await inside('for i in 1 2 3; do sh -c "(sleep 0.05 & ) &"; done; sleep 0.3');
    expect(await inside('cat /proc/[0-9]*/stat | grep -c " Z " || :')).toBe('0');
  });

  it('fills up at its own size', async () => {
    const filled = await sandboxExec(host, [
      'sh',
      '-c',
      'mkdir -p /var/lib/f; head -c 80M /dev/zero >/var/lib/f/fill',
    ]);
    expect(filled.stderr).toContain('No space left on device');
    await inside('rm -r /var/lib/f; echo room >/var/lib/room');
  });

  it('passes stdin, output and exit code of a command', async () => {
    const output = await sandboxExec(host, ['sh', '-c', 'cat; echo oops >&2; exit 7'], { stdin: 'hello' });
    expect(output).toEqual({ code: 7, signal: null, stdout: 'hello', stderr: 'oops\n' });
  });

  it('keeps connections while sshd is stopped, unless told to drop them', async () => {
    const lasting = ssh(host, 'echo on; sleep 0.6; echo still on');
    await waitUntil(() => processesIn([host]).length > 4, { withinMs: 2000, everyMs: 20 });
    await sandboxSshd(host, 'stop');
    expect(await greets(host.port)).toBe(false);
    expect((await lasting).stdout).toBe('on\nstill on\n');
    await sandboxSshd(host, 'start');
    await sandboxSshd(host, 'start');
    expect(await greets(host.port)).toBe(true);

    const cut = ssh(host, 'touch /run/connected; sleep 5');
    await waitUntil(async () => (await sandboxExec(host, ['test', '-e', '/run/connected'])).code === 0, {
      withinMs: 2000,
      everyMs: 20,
    });
    await sandboxSshd(host, 'stop', { dropConnections: true });
    expect((await cut).code).toBe(255);
    await sandboxSshd(host, 'start');
  });
});

describe.skipIf(!root)('up, list and down', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-sandbox, a:b-'));
  });
  afterEach(async () => {
    await sandboxDown({ dir });
    await rm(dir, { recursive: true, force: true });
  });
  const folder = (name: string): string => join(dir, name);

  it('adds hosts, lists them, takes one down and then the rest', async () => {
    const [one, two] = await sandboxUp({ dir, count: 2, announce });
    const [three] = await sandboxUp({ dir, count: 1, announce });
    if (!one || !two || !three) throw new Error('three hosts expected');
    expect(new Set([one.port, two.port, three.port]).size).toBe(3);
    expect(await sandboxList({ dir })).toEqual([one, two, three].map((it) => ({ ...it, running: true })));

    await ssh(one, 'setsid sh -c "trap : TERM HUP; sleep 300 & sleep 300" >/dev/null 2>&1 &');
    const seen = processesIn([one, two, three]);
    expect(seen.length).toBeGreaterThanOrEqual(11);
    await sandboxDown({ dir, names: ['sandbox-1'] });
    expect((await sandboxList({ dir })).map(({ name }) => name)).toEqual(['sandbox-2', 'sandbox-3']);
    expect((await ssh(two, 'true')).code).toBe(0);

    await Promise.all([sandboxDown({ dir }), sandboxDown({ dir })]);
    await sandboxDown({ dir });
    expectNothingLeft(dir, seen);
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
    await writeFile(join(folder('sandbox-1'), 'host.json'), '{"name": "sandb');
    await rm(join(folder('sandbox-2'), 'host.json'));
    await rm(folder('sandbox-3'), { recursive: true });
    await mkdir(folder('sandbox-9'));
    expect(await sandboxList({ dir })).toEqual([]);
    await sandboxDown({ dir });
    expectNothingLeft(dir, seen);
  });

  it('never kills a process that merely got the number of a host', async () => {
    const [host] = await sandboxUp({ dir, count: 1, announce });
    const note = JSON.stringify({ ...host, pid: process.pid, startTime: '1' });
    await writeFile(join(folder('sandbox-1'), 'host.json'), note);
    const seen = host ? processesIn([host]) : [];
    await sandboxDown({ dir });
    expectNothingLeft(dir, seen);
  });

  it("leaves other people's files in its folder alone", async () => {
    await sandboxUp({ dir, count: 1, announce });
    await writeFile(join(dir, 'mine.txt'), 'mine');
    await sandboxDown({ dir });
    expect(await readFile(join(dir, 'mine.txt'), 'utf8')).toBe('mine');
  });

  it('leaves nothing when a host does not start', async () => {
    await expect(sandboxUp({ dir, count: 2, announce, diskMiB: -1 })).rejects.toThrow(
      /^sandbox-\d did not start: .*mount/,
    );
    await sandboxDown({ dir });
    expectNothingLeft(dir, []);
  });

  it('keeps hosts when their starter is killed, and takes them down afterwards', async () => {
    const starter = fileURLToPath(new URL('./sandbox-starter.ts', import.meta.url));
    const killed = await run([process.execPath, '--import', 'tsx', starter, dir, 'ready'], {
      timeoutMs: 15_000,
    });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const hosts = await sandboxList({ dir });
    expect(hosts).toMatchObject([{ running: true }, { running: true }]);
    expect((await ssh(hosts[0] as SandboxHost, 'true')).code).toBe(0);
    const seen = processesIn(hosts);
    await sandboxDown({ dir });
    expectNothingLeft(dir, seen);
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
    expectNothingLeft(dir, []);
  });
});
