import { randomUUID } from 'node:crypto';
import { existsSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxExec, sandboxReboot, sandboxSshd } from '../support/sandbox-control.ts';
import { answers } from '../../src/dev/answers.ts';
import { waitUntil } from '../../src/dev/wait-until.ts';
import { run } from '../../src/dev/sandbox/run-program.ts';
import { quote } from '../../src/shell/index.ts';
import { sshTo, startHost } from '../support/hosts.ts';
import type { TestHost } from '../support/hosts.ts';

/** The system call number of keyctl(2). */
const KEYCTL = process.arch === 'arm64' ? 219 : 250;

/** Commands that root runs in a host, by kind. Each would change the machine around it, or prepare such a change. */
const ATTEMPTS: Readonly<Record<string, readonly string[]>> = {
  network: [
    'nft add table inet chandler_probe',
    'iptables -N chandler-probe',
    'ip link add chandler-probe type dummy',
    'ip link set lo mtu 65000',
    'ip addr add 203.0.113.201/32 dev lo',
    'ip route add 203.0.113.200/32 dev lo',
    "perl -MSocket -e 'socket(S, 17, SOCK_RAW, 0x0300) or exit 1'",
  ],
  clock: ['date -s "$(date)"', 'hwclock --hctosys'],
  devices: [
    'mknod /tmp/disk b 254 0',
    'mknod /tmp/kmsg c 1 11',
    'mount -t devtmpfs dev /mnt',
    'losetup -f /etc/hosts',
    'head -c 1 /dev/mem',
    'head -c 1 /dev/kmsg',
    'head -c 1 /proc/kcore',
    'ls /dev/sd* || ls /dev/vd* || ls /dev/loop*',
  ],
  'kernel settings': [
    'cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness',
    'sysctl -w vm.swappiness="$(cat /proc/sys/vm/swappiness)"',
    'true >/proc/sysrq-trigger',
    'true >/proc/irq/default_smp_affinity',
    'cat /sys/kernel/mm/ksm/run >/sys/kernel/mm/ksm/run',
    'mount -o remount,bind,rw /proc/sys',
    'mount -o remount,rw /sys',
    'umount /proc/sys',
    'mount -t proc proc /mnt',
    'mount -t sysfs sys /mnt',
    'dmesg -C',
  ],
  // The kernel checks these in the machine's own user namespace, e.g. loading a module.
  capabilities: [
    `[ "$(readlink /proc/self/ns/user)" = "${readlinkSync('/proc/self/ns/user')}" ]`,
    'insmod /bin/true',
  ],
  mounts: [
    'mount -t tmpfs x /mnt',
    'mount --bind /etc /mnt',
    'swapon /tmp',
    'chroot /proc/1/root/.. ls /root/.cache',
  ],
  processes: [
    'nsenter --target 1 --mount true',
    'nsenter --target 1 --user true',
    '[ "$(ls -d /proc/[0-9]* | wc -l)" -gt 30 ]',
    'renice -n -5 $$',
  ],
  namespaces: [
    'unshare --user true',
    'unshare --map-root-user --mount true',
    'unshare --mount true',
    'unshare --cgroup true',
    'unshare --net true',
  ],
  name: ['hostname other', 'echo other >/proc/sys/kernel/hostname'],
  keyrings: [
    `perl -e 'exit(syscall(${KEYCTL}, 0, -4, 0) == -1)'`,
    `perl -e 'exit(syscall(${KEYCTL}, 1, 0) == -1)'`,
    `perl -e 'exit(syscall(${KEYCTL}, 7, -3) == -1)'`,
  ],
  power: ['reboot -f', 'poweroff -f', 'kexec -e'],
  cgroups: ['mount -t cgroup2 none /mnt', 'mount -t cgroup -o cpu none /mnt', 'mkdir /sys/fs/cgroup/probe'],
};

/** The state of the machine that those commands try to change. */
async function machineState(): Promise<string> {
  const commands = [
    'nft list ruleset; ip -o link | cut -d: -f2; ip -o addr | cut -d" " -f2-8; ip route; hostname',
    'cat /proc/sys/vm/swappiness /proc/sys/user/max_user_namespaces /proc/modules; grep -c . /proc/keys >/dev/null',
  ];
  return (await run(['sh', '-c', commands.join('\n')])).stdout;
}

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

  it('accepts logins as root and as app with its key and its known_hosts', async () => {
    expect(await sshTo(host, 'id -un; hostname; tty || :')).toMatchObject({
      code: 0,
      stdout: 'root\nsandbox-1\nnot a tty\n',
    });
    expect(await sshTo(host, 'id -un; id -u; pwd; touch x', 'app')).toMatchObject({
      code: 0,
      stdout: 'app\n1000\n/home/app\n',
    });
  });

  it('presents the host key that it reports', async () => {
    const printed = await run(['ssh-keygen', '-l', '-f', host.knownHosts]);
    expect(printed.stdout.split(' ')[1]).toBe(host.hostKey);
  });

  it('has ptys and runs tmux', async () => {
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
  ])('writes only to its own %s', async (folder) => {
    const path = join(folder, `chandler-probe-${randomUUID()}`);
    await inside(`echo probe >${path}`);
    expect(existsSync(path)).toBe(false);
    expect(await inside(`cat ${path}; rm ${path}`)).toBe('probe');
  });

  it.runIf(existsSync('/usr/bin/apt-get'))(
    'D11: installs a package from a repository with its own apt-get, as root and through sudo',
    async () => {
      const build = (name: string) => `mkdir -p /srv/repo/${name}/DEBIAN /srv/repo/${name}/opt && cd /srv/repo
        printf 'Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: probe\n' >${name}/DEBIAN/control
        echo ${name} >${name}/opt/${name}
        dpkg-deb --build ${name} >/dev/null
        { cat ${name}/DEBIAN/control
          echo "Filename: ./${name}.deb"; echo "Size: $(stat -c %s ${name}.deb)"
          echo "SHA256: $(sha256sum ${name}.deb | cut -d' ' -f1)"; echo; } >>Packages`;
      const probes = [`probe-${randomUUID()}`, `probe-${randomUUID()}`];
      await inside(
        `${probes.map(build).join('\n')}\necho 'deb [trusted=yes] file:/srv/repo ./' >/srv/repo/list`,
      );
      const list = '-o Dir::Etc::SourceList=/srv/repo/list -o Dir::Etc::SourceParts=/nowhere';
      const install = (name = '') => `export DEBIAN_FRONTEND=noninteractive; apt-get update -qq ${list} &&
        apt-get install -y -qq ${list} ${name} >/dev/null && cat /opt/${name}`;
      expect(await sshTo(host, install(probes[0]))).toMatchObject({ stdout: `${probes[0]}\n`, code: 0 });
      expect(await sshTo(host, `sudo -n sh -c ${quote(install(probes[1]))}`)).toMatchObject({
        stdout: `${probes[1]}\n`,
        code: 0,
      });
      for (const name of probes) expect(existsSync(`/opt/${name}`)).toBe(false);
    },
  );

  it.each(['/etc/debian_version', '/usr/share/bash-completion', '/var/lib/dpkg/status', '/etc/ssh'])(
    'deletes only its own %s',
    async (path) => {
      const before = existsSync(path);
      await inside(`rm -rf ${path}`);
      expect(await inside(`[ -e ${path} ] || echo gone`)).toBe('gone');
      expect(existsSync(path)).toBe(before);
    },
  );

  it("cannot read the machine's files, users, secrets, environment or processes", async () => {
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
    expect(await inside('tr "\\0" "\\n" </proc/1/environ | sort; env | grep -v ^PWD | sort')).toBe(
      ['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
        .concat(['HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
        .join('\n'),
    );
    expect(await inside('cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l')).toMatch(/^sh\n\d$/);
    expect((await sandboxExec(host, ['sh', '-c', 'echo x >/proc/sys/kernel/hostname'])).code).not.toBe(0);
    expect(await inside('hostname')).toBe('sandbox-1');
  });

  it.each<[string, () => Promise<void>]>([
    ['from the start', async () => undefined],
    ['after a reboot', () => sandboxReboot(host)],
    [
      'after a restart of its sshd',
      async () => {
        await sandboxSshd(host, 'stop');
        await sandboxSshd(host, 'start');
      },
    ],
  ])('D11: cannot change the machine %s', async (_, prepare) => {
    await prepare();
    const before = await machineState();
    const tried = Object.entries(ATTEMPTS).flatMap(([kind, list]) => list.map((it) => [kind, it] as const));
    const render = (attempts: typeof tried) =>
      attempts
        .map(
          ([kind, attempt]) =>
            `if (${attempt}) >/dev/null 2>&1; then echo ${quote(`${kind}: ${attempt}`)}; fi`,
        )
        .join('\n');
    const all = render(tried);
    // sandboxExec installs no keyring filter, since it must work on hosts without any tools.
    const others = render(tried.filter(([kind]) => kind !== 'keyrings'));
    for (const work of [
      () => sshTo(host, all),
      () => sshTo(host, `sudo -n sh -c ${quote(all)}`),
      () => sandboxExec(host, ['sh', '-c', others]),
    ]) {
      expect(await work()).toMatchObject({ stdout: '', code: 0 });
    }
    expect(await machineState()).toBe(before);
  });

  it('has no open file of the machine', async () => {
    const held = await inside('readlink /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2; cat /var/log/sshd.log');
    expect(held).toMatch(/^(\/dev\/null\n){3}Server listening/);
    await inside('echo more >>/proc/1/fd/2; echo more >>/proc/1/fd/1');
    expect(await readFile(join(dirname(host.identity), 'host.log'), 'utf8')).toBe('');
  });

  it('has its own boot id, and gets a new one from a reboot that keeps the disk', async () => {
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

  it('has a disk of its own size', async () => {
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

  it('ends a command at its time limit', async () => {
    const output = await sandboxExec(host, ['sh', '-c', 'sleep 7654; :'], { timeoutMs: 200 });
    expect(output.code).not.toBe(0);
    expect(await inside('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).not.toContain('sleep 7654 ');
  });

  it('keeps connections while sshd is stopped, unless they are to be dropped', async () => {
    const connected = (): Promise<boolean> =>
      sandboxExec(host, ['rm', '/run/connected']).then(({ code }) => code === 0);
    const lasting = sshTo(host, 'touch /run/connected; sleep 0.6; echo still on');
    await waitUntil(connected, { withinMs: 100_000, everyMs: 20 });
    await sandboxSshd(host, 'stop');
    expect(await answers(host.port, 'SSH-2.0')).toBe(false);
    expect((await lasting).stdout).toBe('still on\n');
    await sandboxSshd(host, 'start');
    await sandboxSshd(host, 'start');
    expect(await answers(host.port, 'SSH-2.0')).toBe(true);

    const cut = sshTo(host, 'touch /run/connected; sleep 5');
    await waitUntil(connected, { withinMs: 100_000, everyMs: 20 });
    await sandboxSshd(host, 'stop', { dropConnections: true });
    expect((await cut).code).toBe(255);
    await sandboxSshd(host, 'start');
  });
});
