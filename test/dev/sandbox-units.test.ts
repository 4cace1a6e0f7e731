import { describe, expect, it } from 'vitest';
import { buildArgv, createArgv, findArgv, imageName, parsePort } from '../../src/dev/sandbox/docker.ts';
import { dockerExecArgv } from '../support/sandbox-control.ts';
import { chooseBackend } from '../../src/dev/sandbox/choose-backend.ts';
import { fingerprint, knownHostsLine } from '../../src/dev/sandbox/host-keys.ts';
import { unshareArgv } from '../../src/dev/sandbox/namespace.ts';
import { ensurePackages } from '../../src/dev/sandbox/packages.ts';
import type { PackageEffects } from '../../src/dev/sandbox/packages.ts';
import { isAlive, startTime } from '../../src/dev/sandbox/sandbox-processes.ts';
import { sshdConfig } from '../../src/dev/sandbox/sshd-config.ts';

describe('the choice of a sandbox backend', () => {
  it('prefers a Docker engine that answers', () => {
    expect(chooseBackend({ dockerAnswers: true, platform: 'darwin', uid: 501 })).toBe('docker');
    expect(chooseBackend({ dockerAnswers: true, platform: 'linux', uid: 0 })).toBe('docker');
  });

  it('uses namespaces for root on Linux', () => {
    expect(chooseBackend({ dockerAnswers: false, platform: 'linux', uid: 0 })).toBe('namespace');
  });

  it('reports what to do when neither is possible', () => {
    expect(() => chooseBackend({ dockerAnswers: false, platform: 'linux', uid: 1000 })).toThrow(
      'no Docker engine answers and this is not root: start Docker (`docker info` must answer), or run the same command with sudo',
    );
    expect(() => chooseBackend({ dockerAnswers: false, platform: 'darwin', uid: 0 })).toThrow('start Docker');
  });
});

// A machine that has these programs and logs every command.
function machine(programs: readonly string[], uid: number): PackageEffects & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    uid,
    has: (program) => Promise.resolve(programs.includes(program)),
    run: (argv) => Promise.resolve(log.push(argv.join(' '))),
    announce: (line) => void log.push(`> ${line}`),
  };
}

describe('missing packages', () => {
  it('are announced and then installed by root', async () => {
    const effects = machine(['apt-get', 'ssh-keygen'], 0);
    await ensurePackages(['openssh-server', 'openssh-client', 'tmux'], effects);
    expect(effects.log).toEqual([
      '> installing openssh-server, tmux with apt-get',
      'apt-get update -qq',
      'apt-get install -y -qq --no-install-recommends openssh-server tmux',
    ]);
  });

  it('are reported to other users with the exact command', async () => {
    const effects = machine(['apt-get', 'sshd'], 1000);
    await expect(ensurePackages(['openssh-server', 'tmux'], effects)).rejects.toThrow(
      'sandbox hosts need tmux: run `sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends tmux`',
    );
    expect(effects.log).toEqual([]);
  });

  it('are left to the user where there is no apt-get', async () => {
    await expect(ensurePackages(['tmux'], machine([], 0))).rejects.toThrow(
      "sandbox hosts need tmux: install them with this machine's package manager",
    );
  });

  it('cause no installation when all programs exist', async () => {
    const effects = machine(['sshd', 'tmux'], 1000);
    await ensurePackages(['openssh-server', 'tmux'], effects);
    expect(effects.log).toEqual([]);
  });
});

describe('docker command lines', () => {
  it('build the image from stdin', () => {
    expect(buildArgv('chandler-sandbox:abc', ['jq', 'busybox'])).toEqual([
      ...'docker build --quiet --tag chandler-sandbox:abc --build-arg'.split(' '),
      'EXTRA_PACKAGES=jq busybox',
      '-',
    ]);
  });

  it('create a container on a loopback port that the engine picks', () => {
    expect(createArgv({ folder: '/s/sandbox-1', name: 'sandbox-1', image: 'i:1' }).join(' ')).toBe(
      'docker create --hostname sandbox-1 --label chandler.sandbox=/s/sandbox-1 --publish 127.0.0.1::22 i:1',
    );
  });

  it('limit the disk only when asked to', () => {
    expect(createArgv({ folder: '/f', name: 'n', image: 'i:1', diskMiB: 64 }).join(' ')).toContain(
      '--storage-opt size=64M i:1',
    );
  });

  it('find containers by the label of their folder', () => {
    expect(findArgv('/s/sandbox-1').join(' ')).toBe(
      'docker ps --all --quiet --no-trunc --filter label=chandler.sandbox=/s/sandbox-1',
    );
  });

  it('run commands with a clean environment', () => {
    expect(dockerExecArgv('c1', ['id', '-u']).join(' ')).toBe(
      'docker exec --interactive c1 env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root id -u',
    );
  });

  it('accept only a loopback port', () => {
    expect(parsePort('127.0.0.1:49153\n')).toBe(49_153);
    expect(() => parsePort('0.0.0.0:22\n')).toThrow('no loopback port');
  });

  it('name an image after a hash of its contents', () => {
    expect(imageName('FROM a', [])).toMatch(/^chandler-sandbox:[0-9a-f]{12}$/);
    expect(imageName('FROM a', [])).not.toBe(imageName('FROM a', ['jq']));
  });
});

describe('a sandbox', () => {
  it('unshares everything but the network', () => {
    expect(unshareArgv({ folder: '/s/sandbox-1', name: 'sandbox-1', diskMiB: 64 }).join(' ')).toMatch(
      /^unshare --mount --pid --uts --ipc --fork --kill-child \/bin\/sh \S+namespace\.sh chandler-sandbox \/s\/sandbox-1 sandbox-1 64$/,
    );
  });

  it('configures sshd for keys only', () => {
    expect(sshdConfig('127.0.0.1', 20_022).split('\n')).toEqual(
      expect.arrayContaining([
        'ListenAddress 127.0.0.1:20022',
        'PermitRootLogin prohibit-password',
        'PasswordAuthentication no',
        'UsePAM no',
      ]),
    );
  });

  it('prints a fingerprint as ssh-keygen -l does', () => {
    // Printed by `ssh-keygen -l` of OpenSSH 9.2 for this key.
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAlPAW8SDRLz5G0bWWqwIJcWOxm07e4aZ8yh+QxTxQBN';
    expect(fingerprint(key)).toBe('SHA256:Xu8C+yW6pGenWyqA7Atkixnj0GO4zJ+dWHCVz8iq3OE');
    expect(knownHostsLine('127.0.0.1', 2222, key)).toBe(`[127.0.0.1]:2222 ${key}\n`);
  });

  it('recognizes a later process with the same pid as another one', () => {
    const known = { pid: process.pid, startTime: startTime(process.pid) ?? '' };
    expect(isAlive(known)).toBe(true);
    expect(isAlive({ ...known, startTime: '1' })).toBe(false);
    expect(startTime(2 ** 22 + 1)).toBeUndefined();
  });
});
