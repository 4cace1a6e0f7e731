import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxExec, sandboxReboot, sandboxSshd } from '../../src/dev/sandbox/index.ts';
import { greets, waitUntil } from '../../src/dev/sandbox/ready.ts';
import { run } from '../../src/dev/sandbox/run.ts';
import { sshTo, startHost } from '../support/hosts.ts';
import type { TestHost } from '../support/hosts.ts';

const root = process.platform === 'linux' && process.getuid?.() === 0;

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
    expect(await sshTo(host, 'id -un; hostname; tty || :')).toMatchObject({
      code: 0,
      stdout: 'root\nsandbox-1\nnot a tty\n',
    });
    expect(await sshTo(host, 'id -un; id -u; pwd; touch x', 'app')).toMatchObject({
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
    await inside('tmux new-session -d -s work "sleep 60"');
    expect(await inside('tmux list-sessions -F "#{session_name}"; tmux kill-server')).toBe('work');
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
    await inside('setsid sleep 300 >/dev/null 2>&1 & echo kept >/var/lib/kept; echo gone >/run/gone');
    const before = await inside('cat /proc/sys/kernel/random/boot_id');
    expect(before).not.toBe((await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
    await sandboxReboot(host);
    expect(await sshTo(host, 'cat /var/lib/kept /run/gone')).toMatchObject({ stdout: 'kept\n', code: 1 });
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

  it('ends a command inside at its time limit', async () => {
    const output = await sandboxExec(host, ['sh', '-c', 'sleep 7654; :'], { timeoutMs: 200 });
    expect(output.code).not.toBe(0);
    expect(await inside('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).not.toContain('sleep 7654 ');
  });

  it('keeps connections while sshd is stopped, unless told to drop them', async () => {
    const connected = (): Promise<boolean> =>
      sandboxExec(host, ['rm', '/run/connected']).then(({ code }) => code === 0);
    const lasting = sshTo(host, 'touch /run/connected; sleep 0.6; echo still on');
    await waitUntil(connected, { withinMs: 10_000, everyMs: 20 });
    await sandboxSshd(host, 'stop');
    expect(await greets(host.port)).toBe(false);
    expect((await lasting).stdout).toBe('still on\n');
    await sandboxSshd(host, 'start');
    await sandboxSshd(host, 'start');
    expect(await greets(host.port)).toBe(true);

    const cut = sshTo(host, 'touch /run/connected; sleep 5');
    await waitUntil(connected, { withinMs: 10_000, everyMs: 20 });
    await sandboxSshd(host, 'stop', { dropConnections: true });
    expect((await cut).code).toBe(255);
    await sandboxSshd(host, 'start');
  });
});
