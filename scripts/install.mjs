// Installs what a fresh clone needs: npm packages, and on Debian as root system packages.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command on the present terminal; rejects if it fails. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** Waits for all of the work; exits with the errors if any of it failed. */
export async function allOf(...work) {
  const failures = (await Promise.allSettled(work)).filter(({ status }) => status === 'rejected');
  for (const { reason } of failures) console.error(reason.message);
  if (failures.length > 0) process.exit(1);
}

/** Installs the npm packages unless those that are there match the lock file. */
export async function installPackages() {
  const installed = new URL('../node_modules/.package-lock.json', import.meta.url);
  const lock = new URL('../package-lock.json', import.meta.url);
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('installing npm packages');
  // Not `npm ci`, which removes installed packages first.
  await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel', 'error']);
}

/** Programs that the tests need, with their Debian packages. */
const PROGRAMS = {
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/bin/ssh': 'openssh-client',
  '/usr/bin/tmux': 'tmux',
  '/usr/bin/shellcheck': 'shellcheck',
  '/bin/busybox': 'busybox-static',
  '/usr/bin/dash': 'dash',
  '/usr/bin/zsh': 'zsh',
  '/usr/bin/fish': 'fish',
  '/usr/bin/tcsh': 'tcsh',
  '/usr/bin/ps': 'procps',
  '/usr/bin/curl': 'curl',
  '/usr/bin/sudo': 'sudo',
  '/usr/sbin/nft': 'nftables',
  '/usr/bin/ip': 'iproute2',
  '/usr/bin/whiptail': 'whiptail',
  '/usr/bin/dialog': 'dialog',
  '/usr/bin/chromium': 'chromium',
};

/** Installs system packages for the tests as root on Debian; elsewhere fails with the command to run. */
export async function installSystem() {
  const missing = Object.entries(PROGRAMS).flatMap(([path, name]) => (existsSync(path) ? [] : [name]));
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`the tests need ${missing.join(', ')}; install them, for example with: sudo ${command}`);
  }
  console.log(`installing ${missing.join(', ')} (apt-get)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...missing],
    {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
}
