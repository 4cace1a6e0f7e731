import { access, constants } from 'node:fs/promises';
import { runOrThrow } from './run-program.ts';

/** The Debian packages that namespace hosts need. */
export const NEEDED_PACKAGES: readonly string[] = ['openssh-server', 'openssh-client', 'tmux'];

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const PROGRAMS: Readonly<Record<string, string>> = {
  'openssh-server': 'sshd',
  'openssh-client': 'ssh-keygen',
  'busybox-static': 'busybox',
  procps: 'ps',
};

export interface PackageEffects {
  readonly has: (program: string) => Promise<boolean>;
  readonly uid: number;
  readonly run: (argv: readonly string[]) => Promise<unknown>;
  readonly announce: (line: string) => void;
}

/** Installs missing packages with apt-get. @throws Error with the command to run if this is not root */
export async function ensurePackages(packages: readonly string[], effects: PackageEffects): Promise<void> {
  const present = await Promise.all(packages.map((name) => effects.has(PROGRAMS[name] ?? name)));
  const missing = packages.filter((_, i) => present[i] === false);
  if (missing.length === 0) return;
  const list = missing.join(', ');
  if (!(await effects.has('apt-get')))
    throw new Error(`sandbox hosts need ${list}: install them with this machine's package manager`);
  const commands = [
    ['apt-get', 'update', '-qq'],
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing],
  ];
  if (effects.uid !== 0) {
    const line = commands.map((argv) => `sudo ${argv.join(' ')}`).join(' && ');
    throw new Error(`sandbox hosts need ${list}: run \`${line}\``);
  }
  effects.announce(`installing ${list} with apt-get`);
  for (const argv of commands) await effects.run(argv);
}

export function packageEffects(announce: (line: string) => void): PackageEffects {
  return {
    has: hasProgram,
    uid: process.getuid?.() ?? -1,
    run: (argv) => runOrThrow(['env', 'DEBIAN_FRONTEND=noninteractive', ...argv]),
    announce,
  };
}

async function hasProgram(program: string): Promise<boolean> {
  const found = FOLDERS.map((folder) => access(`${folder}/${program}`, constants.X_OK).then(() => true));
  return Promise.any(found).catch(() => false);
}
