import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';

/** Variables that would bring the developer's settings into a test, or a test's files into the developer's directories. */
const PERSONAL =
  /^(XDG_|SSH_|TMUX|ZMX_|CHANDLER_(?!SCREENSHOTS$)|TEMPORAL_|PYENV_|HIST|LC_|(BASH_ENV|ENV|PROMPT_COMMAND|PS1|CDPATH|ZDOTDIR|EDITOR|VISUAL|PAGER|LESS|NO_COLOR|MAIL)$)/;

/** What downloads need from the developer's home: shared caches, and the configuration of package indexes. */
const SHARED = {
  caches: ['.cache/chandler', '.npm'],
  settings: ['.npmrc', '.config/pip', '.pip'],
};

/** What tools leave in the temporary directory: caches of Node and tsx, sockets of ended tmux servers. */
const TOOLS_KEEP = /^(tsx-\d+|node-compile-cache|tmux-\d+|fish\.\w+)$/;

/** The prefix of each test run's directory in /tmp. */
const PREFIX = 'ct-';

/** Where the host programs keep temporary state when root runs them. */
const RUN_DIRS = ['/run/chandler/secrets', '/run/chandler/zmx', '/run/chandler'];

/**
 * Gives this process, and so everything that tests start, its own home and temporary directory: no startup file of the
 * developer's shells runs, and none of their files is read or written. When this process ends, it lists, ends and removes
 * the processes and files that tests left behind, and fails the run if there are any.
 */
export function useOwnHome(): void {
  const { env } = process;
  const theirs = env['HOME'] ?? homedir();
  // Always in /tmp, since the paths of sockets must be short.
  const root = mkdtempSync(join('/tmp', PREFIX));
  // Tests let other users read some of its files.
  chmodSync(root, 0o711);
  const hadRunDir = RUN_DIRS.some((dir) => existsSync(dir));
  const home = join(root, 'home');
  mkdirSync(home, { mode: 0o700 });
  for (const path of SHARED.caches) mkdirSync(join(theirs, path), { recursive: true });
  for (const path of [...SHARED.caches, ...SHARED.settings]) {
    if (!existsSync(join(theirs, path))) continue;
    mkdirSync(dirname(join(home, path)), { recursive: true });
    symlinkSync(join(theirs, path), join(home, path));
  }
  const isTheirs = (path: string) => !relative(theirs, path).startsWith('..');
  const path = (env['PATH'] ?? '').split(delimiter);
  for (const name of Object.keys(env)) if (PERSONAL.test(name)) delete env[name];
  Object.assign(env, {
    HOME: home,
    TMPDIR: root,
    TMUX_TMPDIR: root,
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    // Go programs spend a tenth of their CPU time collecting small heaps. They end with the tests.
    GOGC: '400',
    PATH: path.filter((dir) => !isTheirs(dir) || dir === dirname(process.execPath)).join(delimiter),
  });
  process.once('exit', () => {
    // busybox's timeout leaves a process that notices within a second that its command has ended.
    if (findProcesses(root).length > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
    const left = [
      ...endProcesses(root),
      ...readdirSync(root).filter((name) => name !== 'home' && !TOOLS_KEEP.test(name)),
    ];
    rmSync(root, { recursive: true, force: true });
    // Other test runs and Chandler itself may use these directories.
    const isShared = hadRunDir || readdirSync('/tmp').some((name) => name.startsWith(PREFIX));
    if (!isShared)
      for (const dir of RUN_DIRS) attempt(['ENOENT', 'ENOTEMPTY', 'EACCES', 'EPERM'], () => rmdirSync(dir));
    if (left.length === 0) return;
    console.error(`the tests left behind:\n  ${left.join('\n  ')}`);
    process.exitCode = 1;
  });
}

/** Ends every process with the directory in its environment or arguments. Returns their command lines. */
export function endProcesses(root: string): string[] {
  return findProcesses(root).map(({ pid, command }) => {
    attempt(['ESRCH'], () => process.kill(pid, 'SIGKILL'));
    return `process ${pid}: ${command.replaceAll('\0', ' ').trim()}`;
  });
}

/** Other processes with the directory in their environment or arguments. */
function findProcesses(root: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`) }))
    .filter(
      ({ pid, command }) =>
        command !== '' && `${command}\0${read(`/proc/${pid}/environ`)}`.includes(`${root}/`),
    );
}

/** Returns '' for a process that has ended or belongs to another user. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Ignores failures with these codes. */
function attempt(codes: readonly string[], act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
