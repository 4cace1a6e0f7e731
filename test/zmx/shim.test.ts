// Compares the shim, on this machine's tmux, with recordings of the real zmx 0.7.0.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { attachHint } from '../../src/zmx/index.ts';
import recorded from '../fixtures/zmx/shim-cases.json' with { type: 'json' };
import transcript from '../fixtures/zmx/transcripts-0.7.0.json' with { type: 'json' };

interface Step {
  case?: string;
  setup?: string;
  argv?: string[];
  env?: Record<string, string | null>;
  stdin?: string;
  stdout?: string;
  stderr?: string;
  exit?: number;
  session?: string;
  row?: { present: boolean; ended: boolean; exit_code: string | null };
}
interface Answer {
  stdout: string;
  stderr: string;
  exit: number | null;
}

const shim = fileURLToPath(new URL('../../src/zmx/shim/zmx.sh', import.meta.url));
const shells = { dash: '/bin/dash', bash: '/bin/bash', 'busybox ash': '/bin/busybox ash' };
/** The directory that the paths in the recordings start with. */
const recordedRoot = '/run/px';

/** What the shim refuses: neither Chandler nor a person who attaches, reads or kills a session needs it. */
const unsupported = [
  'wait',
  '-w',
  'tail',
  'send',
  's',
  'print',
  'write',
  'get',
  'set',
  'clear',
  '--vt',
  '--html',
];
const isSupported = ([, command = '', ...words]: readonly string[]) =>
  ![command, ...words.slice(0, 2)].some((word) => unsupported.includes(word)) &&
  (command !== 'run' || words.length === 0 || words.slice(1).some((word) => word.startsWith('-d')));

/** Why some recorded calls are not replayed, by name. A trailing `*` matches any rest. */
const notReplayed: Record<string, string> = {
  'list.right_after_run_d': 'a race: ended may be there or not',
  'list.mixed_soon_after_start': 'a race: ended may be there or not',
  'busy.*': 'rows of many sessions over time',
  'die.*': 'needs the daemon killed or stopped; own tests here',
  'unreach.*': 'needs the daemon killed or stopped; own tests here',
  'stale.*': 'needs the daemon killed or stopped; own tests here',
  'history.nonblocking_stdout': 'a defect of zmx that the shim does not have',
  'history.slow_reader_blocking_pipe':
    'depends on the scrollback of an earlier flood; sizes differ by a few rows',
  'kill.list_0.8s_later': 'the same as kill.list_at_once',
  'kill.sem_*': 'reads process tables; own test here for hangup and for an ignored hangup',
  'kill.shell_that_ignores_HUP': 'own test here',
  'attach.pty_*': 'needs a terminal; own test here',
  'attach.list_*': 'rows left by the calls on a terminal',
  'attach.history_*': 'needs a terminal',
  'attach.env_switch_*': 'deliberately different: attach inside a session never ends that session',
  'names.max_len_*': 'depends on the length of the directory; own test here',
  'dirs.umask0': 'the mode of a tmux socket is set by tmux',
  'dirs.relative': 'zmx panics with a stack trace; the shim exits 134 too',
  'dirs.world_writable_dir_is_accepted': 'needs a fixed directory elsewhere',
  'dirs.trailing_slash': 'needs a session left by an earlier case; own test here',
  'dirs.not_writable': 'zmx hangs; the shim reports NotDir',
  'dirs.too_long': 'depends on the length of the directory; own test here',
  'dirs.other_user_*': 'needs another user; own test here where that is possible',
  'detach.list_after': 'the rows of earlier cases',
  'dirs.none_*': 'would use the real /tmp/zmx-UID',
  'dirs.XDG_RUNTIME_DIR_empty': 'would make /zmx',
  'dirs.log_dir_not_creatable': 'needs a file in place of the directory; own test here',
  'dirs.run_without_HOME': 'the prompt of a shell without HOME depends on the machine',
  'dirs.list_without_HOME': 'the prompt of a shell without HOME depends on the machine',
  'fds.*': 'timings over seconds, or a defect of zmx (writes at offset 0) that the shim does not have',
  'spoof.*': 'own test here',
  'nobash.*': 'the shells of other SHELL values give rows that the other groups cover',
  'env.*': 'depends on the login profile and the machine; own test here',
  'argv.*': 'the cut at 4095 bytes is a race of zmx; the shim waits for the line editor; own test here',
  'ctrl.*': 'keys: their effect depends on readline',
  'profile.*': 'login profiles of one machine',
  'log.*': 'the shim writes no logs',
  'screen.line_1MB': 'a note of the recorder, without a call',
  'screen.random_1MB': 'a note of the recorder, without a call',
  'conc.*': 'own tests here',
  'race.*': 'own test here',
  'ssh.*': 'needs an sshd',
  'setsid.*': 'needs the process tree of zmx',
  'cross.*': 'needs real binaries of other versions',
  'flood.*': 'timings of zmx under load',
  'signal.*': 'wrapper.sh of the recorder with signals; the code comes from the shell',
  'stdin.*': 'rows of many sessions over time',
  'bg.*': 'rows of many sessions over time',
  'sockgone.*': 'files removed by others: sessions become invisible with the shim as well',
  'misc.*': 'byte order and file offsets; order has its own test here',
  'nested.*': 'deliberately different: attach inside a session never ends that session',
  'shape.*': 'how Chandler calls zmx; own test here',
  'labels.*': 'rows with labels, which the shim does not have',
  'wait.*': 'belongs to a command that the shim does not have',
  'run.stdin_not_forwarded*': 'waits forever; own test here',
  'claim_b.list': 'names the session of a call without -d',
  'claim_a.list_after': 'the row of a call without -d',
  'run.no_command_left_session': 'the row of a call without -d',
  'run.stdin_two_lines_history': 'the screen of a call without -d',
};

/** How tmux shows some recorded screens differently. */
const otherScreens: Record<string, string> = {
  'screen.reset_RIS': 'ESC c leaves the scrollback',
  'screen.non_utf8': 'bytes that are not UTF-8 are left out',
  'screen.latin1_c1': 'bytes that are not UTF-8 are left out',
  'screen.da_query': 'tmux answers as another terminal',
  'screen.cursor_pos_query': 'the prompt is on another row',
  'screen.scroll_region': 'lines that leave a scroll region at its top are kept',
};
/** The script of each session, and what `history` showed after it. */
const screens = transcript.flatMap(({ case: name, argv, note, stdout }) =>
  name.startsWith('screen.') && argv?.length === 3 && note?.startsWith('script: ')
    ? [{ name, script: note.slice('script: '.length), plain: stdout ?? '' }]
    : [],
);
let root: string;
let environment: Record<string, string>;

beforeAll(() => {
  root = mkdtempSync('/tmp/zx');
  for (const name of ['bin', 'home', 'work']) mkdirSync(`${root}/${name}`);
  writeFileSync(`${root}/home/.bash_profile`, "PS1='root@host:\\w# '\n");
  writeFileSync(
    `${root}/work/wrapper.sh`,
    'echo "wrapper start arg=$1"; sleep "${2:-0.3}"; echo "wrapper end"; exit "${3:-0}"\n',
  );
});
beforeEach(() => {
  environment = {
    PATH: `${root}/bin:/usr/local/bin:/usr/bin:/bin`,
    HOME: `${root}/home`,
    SHELL: '/bin/bash',
    USER: 'root',
    LOGNAME: 'root',
    ZMX_DIR: `${root}/zmx`,
    HISTFILE: '',
  };
});
afterEach(async () => {
  const servers = tmuxServers();
  for (const name of sessionFiles()) zmx(['kill', name]);
  await until(() => tmuxServers().length === 0);
  // A server that `kill` left behind is ended by its pid, and fails the test.
  const left = tmuxServers();
  for (const pid of left) process.kill(pid, 'SIGKILL');
  rmSync(`${root}/zmx`, { recursive: true, force: true });
  expect({ left, of: servers.length }).toEqual({ left: [], of: servers.length });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The pids of tmux servers whose socket path has this prefix. */
function tmuxServers(prefix = `${root}/`): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[3]?.startsWith(prefix);
      } catch {
        return false;
      }
    })
    .map(Number);
}
function sessionFiles(): string[] {
  if (!existsSync(`${root}/zmx`)) return [];
  return readdirSync(`${root}/zmx`).filter((name) => statSync(`${root}/zmx/${name}`).isSocket());
}
function useShell(shell: string): void {
  writeFileSync(`${root}/bin/zmx`, `#!/bin/sh\nexec ${shell} '${shim}' "$@"\n`);
  chmodSync(`${root}/bin/zmx`, 0o755);
}
function call(argv: string[], options: { env?: Record<string, string | null>; stdin?: string } = {}): Answer {
  const env: Record<string, string> = { ...environment };
  for (const [key, value] of Object.entries(options.env ?? {})) {
    if (value === null) delete env[key];
    else env[key] = value;
  }
  const [program = '', ...rest] = argv;
  const path = program === 'zmx' ? `${root}/bin/zmx` : program;
  // timeout ends the whole process group: a process that holds a pipe open would block spawnSync.
  const done = spawnSync('timeout', ['-k', '1', '60', path, ...rest], {
    cwd: `${root}/work`,
    env,
    input: options.stdin ?? '',
    encoding: 'utf8',
  });
  return { stdout: done.stdout, stderr: done.stderr, exit: done.status };
}
function zmx(argv: string[], options: Parameters<typeof call>[1] = {}): Answer {
  return call(['zmx', ...argv], options);
}
async function until(condition: () => boolean, limitMs = 100_000): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return true;
}
async function untilEqual(read: () => unknown, expected: unknown): Promise<void> {
  let last: unknown;
  await until(() => JSON.stringify((last = read())) === JSON.stringify(expected));
  expect(last).toEqual(expected);
}
function row(name: string): Record<string, string> | undefined {
  for (const line of zmx(['list']).stdout.split('\n')) {
    const fields = Object.fromEntries(
      line
        .slice(2)
        .split('\t')
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
    if (fields['name'] === name) return fields;
  }
  return undefined;
}

/** Replaces what varies between calls: pids, times, and parts of the prompt around typed text. */
function normalize(text: string): string {
  return text
    .replaceAll(recordedRoot, root)
    .replaceAll(/^ghostty_vt.*$/gm, 'ghostty_vt')
    .replaceAll(/pid=\d+/g, 'pid=N')
    .replaceAll(/(created|ended)=\d{6,}/g, '$1=T')
    .replaceAll(/max \d+ for/g, 'max N for');
}
function normalizeHistory(text: string): string {
  const lines = normalize(text).split('\n');
  // Text typed before the shell's first prompt is echoed twice. zmx has the same race.
  const first = lines.findIndex((line) => line.includes('@host:'));
  return lines.slice(Math.max(first, 0)).join('\n');
}
function normalizeAnswer(step: { argv: string[] }, answer: Answer): Answer {
  const [program, command] = step.argv;
  let stdout = normalize(answer.stdout);
  if (program === 'zmx' && command === 'history') stdout = normalizeHistory(answer.stdout);
  if (program === 'zmx' && command === 'kill') stdout = stdout.split('\n').sort().join('\n');
  if (stdout.startsWith('zmx - ') || stdout === '<help text>') stdout = '<help text>';
  return { stdout, stderr: normalize(answer.stderr), exit: answer.exit };
}

async function replay(step: Step): Promise<void> {
  if (step.setup) {
    expect(call(['sh', '-c', step.setup.replaceAll(recordedRoot, root)])).toMatchObject({ exit: 0 });
    return;
  }
  if (step.row) {
    const { row: wanted, session = '' } = step;
    await untilEqual(() => {
      const found = row(session);
      return { present: !!found, ended: !!found?.['ended'], exit_code: found?.['exit_code'] ?? null };
    }, wanted);
    return;
  }
  const argv = (step.argv ?? []).map((word) => word.replaceAll(recordedRoot, root));
  const env = Object.fromEntries(
    Object.entries(step.env ?? {}).map(([key, value]) => [
      key,
      value?.replaceAll(recordedRoot, root) ?? null,
    ]),
  );
  const read = () => normalizeAnswer({ argv }, call(argv, { env, ...(step.stdin && { stdin: step.stdin }) }));
  const expected = normalizeAnswer(
    { argv },
    { stdout: step.stdout ?? '', stderr: step.stderr ?? '', exit: step.exit ?? 0 },
  );
  // A command that only reports is repeated until its output agrees. Any other command is called once.
  if (argv[0] === 'zmx' && ['list', 'history'].includes(argv[1] ?? '')) await untilEqual(read, expected);
  else expect(read()).toEqual(expected);
}

/** Returns how many steps were replayed. Throws at the first that differs, with its name. */
async function replayAll(steps: Step[]): Promise<number> {
  for (const step of steps) {
    try {
      await replay(step);
    } catch (error) {
      throw new Error(`${step.case ?? step.setup}: ${(error as Error).message}`, { cause: error });
    }
  }
  return steps.length;
}

describe.each(Object.entries(shells))('the shim under %s replays recorded calls', (name, shell) => {
  beforeEach(() => useShell(shell));
  const groups = recorded as { title: string; core: boolean; steps: Step[] }[];
  test.each(groups.filter((group) => name === 'dash' || group.core))('$title', async ({ steps }) => {
    await expect(replayAll(steps)).resolves.toBe(steps.length);
  });
});

describe('the shim shows the recorded screen', () => {
  beforeEach(() => useShell(shells.dash));
  /** Leaves out the typed line, which wraps at a column that depends on the length of the paths. */
  const shown = (text: string) =>
    normalize(text)
      .split('\n')
      .filter((line) => !/sc\.sh|ZMX_TASK_COMPLETED:\$|^bash /.test(line))
      .join('\n');

  test.each(screens.filter(({ name }) => !(name in otherScreens)))('$name', async ({ script, plain }) => {
    writeFileSync(`${root}/work/sc.sh`, `${script}\n`);
    zmx(['run', 'sc', '-d', 'bash', `${root}/work/sc.sh`]);
    await expect.poll(() => shown(zmx(['history', 'sc']).stdout)).toBe(shown(plain));
  });
});

test('every recorded call is replayed or excluded for a stated reason', () => {
  const replayed = new Set([
    ...recorded.flatMap((group) => group.steps.map((step) => (step as Step).case)),
    ...screens.map(({ name }) => name),
  ]);
  const reasons = Object.keys(notReplayed);
  const excused = (name: string) =>
    reasons.some((rule) => (rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule));
  const missing = transcript
    .filter(({ argv, case: name }) => argv && isSupported(argv) && !replayed.has(name) && !excused(name))
    .map((entry) => entry.case);
  expect(missing).toEqual([]);
});

describe('the shim, beyond the recordings', () => {
  beforeEach(() => useShell(shells.dash));
  function start(argv: string[], env: Record<string, string> = {}) {
    const [program = '', ...rest] = argv;
    const child = spawn(program, rest, { cwd: `${root}/work`, env: { ...environment, ...env } });
    const state = { stdout: '', exit: undefined as number | null | undefined, child };
    child.stdout.on('data', (data: Buffer) => (state.stdout += data.toString()));
    child.on('close', (code) => (state.exit = code));
    return state;
  }
  function serverOf(name: string): number {
    const [pid] = tmuxServers(`${root}/zmx/${name}`);
    if (!pid) throw new Error(`no server of ${name}`);
    return pid;
  }
  function alive(pid: number): boolean {
    try {
      return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  }
  const ended = (name: string, code: number) => untilEqual(() => row(name)?.['exit_code'], String(code));

  test('the call that Chandler makes starts the step without output, and list shows its end', async () => {
    writeFileSync(`${root}/work/supervise`, 'echo "$1" >"$1"; exit 7\n');
    const answer = call([
      'sh',
      '-c',
      `env -u ZMX_SESSION -u ZMX_SESSION_PREFIX HISTFILE= ZMX_DIR=${root}/zmx ${root}/bin/zmx run px-egress -d ` +
        `bash ${root}/work/supervise ${root}/work/launch </dev/null >/dev/null 2>&1`,
    ]);
    expect(answer).toEqual({ stdout: '', stderr: '', exit: 0 });
    await ended('px-egress', 7);
    expect(existsSync(`${root}/work/launch`)).toBe(true);
  });

  test('a session is used, listed, read and ended although the dynamic linker prints a warning for each program', async () => {
    const env = { LD_PRELOAD: '/no/such/library.so' };
    expect(zmx(['version'], { env }).stdout).toMatch(/^ghostty_vt\ttmux \S+ \(chandler shim\)$/m);
    for (const code of [3, 4]) {
      expect(zmx(['run', 'warned', '-d', 'sh', '-c', `exit ${code}`], { env })).toMatchObject({ exit: 0 });
      await untilEqual(() => /exit_code=\d+/.exec(zmx(['list'], { env }).stdout)?.[0], `exit_code=${code}`);
    }
    expect(zmx(['history', 'warned'], { env }).stdout).toContain('ZMX_TASK_COMPLETED:4');
    expect(zmx(['kill', 'warned'], { env }).stdout).toBe('killed session warned\n');
    expect(sessionFiles()).toEqual([]);
  });

  test('the end of a fast command in a new session is never missed', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `fast${i}`);
    await Promise.all(
      names.map(async (name, i) => {
        const state = start([`${root}/bin/zmx`, 'run', name, '-d', 'sh', '-c', `exit ${i}`]);
        await until(() => state.exit !== undefined);
        expect(state.exit).toBe(0);
      }),
    );
    for (const [i, name] of names.entries()) await ended(name, i);
  });

  test('a reused session lists the code of this command, not of the previous one', async () => {
    for (const code of [1, 0, 2, 5]) {
      expect(zmx(['run', 'again', '-d', 'sh', '-c', `sleep 0.2; exit ${code}`])).toMatchObject({ exit: 0 });
      await until(() => row('again')?.['exit_code'] !== undefined);
      expect(row('again')).toMatchObject({ exit_code: String(code) });
    }
  });

  test('the next command clears the end of the previous one', async () => {
    zmx(['run', 'cleared', '-d', 'sh', '-c', 'exit 3']);
    await ended('cleared', 3);
    zmx(['run', 'cleared', '-d', 'sleep', '30']);
    expect(row('cleared')).not.toHaveProperty('exit_code');
  });

  test('two simultaneous first runs of one name create one session that runs both', async () => {
    const log = `${root}/work/twice`;
    const both = [1, 2].map(() =>
      start([`${root}/bin/zmx`, 'run', 'twin', '-d', 'sh', '-c', `echo x >>${log}`]),
    );
    await until(() => both.every((state) => state.exit !== undefined));
    expect(both.map((state) => state.exit)).toEqual([0, 0]);
    expect(zmx(['list', '--short']).stdout).toBe('twin\n');
    await untilEqual(() => existsSync(log) && readFileSync(log, 'utf8'), 'x\nx\n');
  });

  test('run -d closes every descriptor of its caller', () => {
    const answer = call([
      'bash',
      '-c',
      `{ exec 4>&1 90>&1 >/dev/null 2>&1; zmx run held -d sleep 600; } | cat`,
    ]);
    expect(answer).toEqual({ stdout: '', stderr: '', exit: 0 });
    expect(row('held')).toBeDefined();
  });

  test('a step gets the environment, directory and terminal of the first run, and no trace of tmux', async () => {
    const script = 'env | sort; tty; stty size; pwd';
    zmx(['run', 'env', '-d', 'sh', '-c', `{ ${script}; } >${root}/work/seen`], {
      env: { FOO: 'bar', TERM: null, SHLVL: null },
    });
    await ended('env', 0);
    const seen = readFileSync(`${root}/work/seen`, 'utf8');
    expect(seen).toMatch(/^FOO=bar$/m);
    expect(seen).toMatch(/^ZMX_SESSION=env$/m);
    expect(seen).toMatch(/^SHLVL=1$/m);
    expect(seen).toMatch(/^SHELL=\/bin\/bash$/m);
    expect(seen).not.toMatch(/TMUX|SHIM|POSIX|^TERM/m);
    expect(seen.split('\n').slice(-4)).toEqual([
      expect.stringMatching(/^\/dev\/pts\//),
      '24 120',
      `${root}/work`,
      '',
    ]);
  });

  test('typed commands stay out of the shell history and of the arguments of lasting processes', async () => {
    zmx(['run', 'quiet', '-d', 'true', 'a-secret-word'], { env: { HISTFILE: '' } });
    await ended('quiet', 0);
    const server = serverOf('quiet');
    expect(readFileSync(`/proc/${server}/cmdline`, 'utf8')).not.toContain('secret');
    expect(zmx(['kill', 'quiet'])).toMatchObject({ stdout: 'killed session quiet\n' });
    expect(existsSync(`${root}/home/.bash_history`)).toBe(false);
  });

  test('a command line longer than a terminal line arrives whole', async () => {
    const long = 'x'.repeat(20_000);
    zmx(['run', 'long', '-d', 'sh', '-c', `printf %s "$1" | wc -c >${root}/work/length`, '_', long]);
    await ended('long', 0);
    expect(readFileSync(`${root}/work/length`, 'utf8').trim()).toBe('20000');
  });

  test('a session whose command has several lines is listed like any other', () => {
    zmx(['attach', 'lines', 'sh', '-c', 'sleep 100\nexit 3']);
    expect(zmx(['list']).stdout).toMatch(/name=lines\tpid=\d+\t.*cmd=sh -c 'sleep 100\nexit 3'/);
    zmx(['kill', 'lines']);
  });

  test('an end marker counts without a newline before it, and also when the step prints it itself', async () => {
    zmx(['run', 'bare', '-d', 'printf', 'no newline']);
    await ended('bare', 0);
    zmx(['run', 'spoof', '-d', 'sh', '-c', 'echo ZMX_TASK_COMPLETED:9; sleep 20']);
    await ended('spoof', 9);
    expect(row('spoof')).toMatchObject({ exit_code: '9' });
  });

  test.each([
    ['B3: raw', 'sleep 1; stty raw; exit 3', 3],
    ['neither output processing nor echo', 'stty -opost -echo; printf "no newline"; exit 4', 4],
    ['cbreak on the alternate screen', 'tput -T xterm smcup; stty cbreak; exit 5', 5],
    ['a job left behind in a raw terminal', 'set -m; sleep 1 & stty raw tostop; exit 6', 6],
  ])(
    'the end of a command is noticed in whatever mode it leaves the terminal: %s',
    async (_, script, code) => {
      zmx(['run', 'modes', '-d', 'bash', '-c', script]);
      await ended('modes', code);
      zmx(['run', 'modes', '-d', 'sh', '-c', `stty raw; exit ${code + 10}`]);
      await ended('modes', code + 10);
      expect(row('modes')).toMatchObject({ exit_code: String(code + 10) });
    },
  );

  test.each([
    ['tmux-no-utf8-locale', 'tmux: invalid LC_ALL, LC_CTYPE or LANG'],
    ['a locale of another charset', 'tmux: need UTF-8 locale (LC_CTYPE) but have ISO-8859-1'],
    ['a missing library', 'tmux: error while loading shared libraries: libevent_core-2.1.so.7'],
  ])('the error of a broken tmux is reported in its own words: %s', (_, error) => {
    writeFileSync(`${root}/bin/tmux`, `#!/bin/sh\necho '${error}' >&2\nexit 1\n`, { mode: 0o755 });
    try {
      expect(zmx(['version'])).toEqual({ stdout: '', stderr: `error: ${error}\n`, exit: 1 });
      expect(zmx(['run', 'mute', '-d', 'true'])).toEqual({ stdout: '', stderr: `${error}\n`, exit: 1 });
    } finally {
      rmSync(`${root}/bin/tmux`);
    }
  });

  test('a step that prints a lot stays listed, and its end is noticed', async () => {
    zmx(['run', 'flood', '-d', 'sh', '-c', `seq 1 300000; head -c 2000000 /dev/zero | tr '\\0' x; exit 4`]);
    expect(row('flood')).toBeDefined();
    await until(() => row('flood')?.['exit_code'] !== undefined);
    expect(row('flood')).toMatchObject({ exit_code: '4' });
    expect(zmx(['history', 'flood']).stdout.split('\n').length).toBeGreaterThan(8000);
  });

  test('kill ends a shell that ignores the hangup, and frees its name at once', async () => {
    zmx(['run', 'stubborn', '-d', 'trap', '', 'HUP']);
    await ended('stubborn', 0);
    const server = serverOf('stubborn');
    const shell = Number(row('stubborn')?.['pid']);
    expect(zmx(['kill', 'stubborn'])).toMatchObject({ stdout: 'killed session stubborn\n', exit: 0 });
    expect(alive(server)).toBe(false);
    expect(zmx(['run', 'stubborn', '-d', 'true']).stdout).toBe('session "stubborn" created\ncommand sent!\n');
    expect(await until(() => !alive(shell))).toBe(true);
  });

  test('a dead server is reported once and then gone, whichever command finds it first', async () => {
    const die = (name: string) => {
      zmx(['run', name, '-d', 'sleep', '30']);
      const server = serverOf(name);
      process.kill(server, 'SIGKILL');
      return until(() => !alive(server));
    };
    for (const name of ['d1', 'd2', 'd3', 'd4']) await die(name);
    expect(zmx(['kill', 'd1'])).toEqual({
      stdout: '',
      stderr: 'error: session "d1" does not exist\nfailed to kill session=d1: SessionNotFound\n',
      exit: 0,
    });
    expect(zmx(['history', 'd2'])).toEqual({ stdout: '', stderr: '', exit: 0 });
    expect(zmx(['run', 'd3', '-d', 'true']).stdout).toBe('session "d3" created\ncommand sent!\n');
    expect(zmx(['list']).stdout).toContain('  name=d4\terr=ConnectionRefused\tstatus=cleaning up\n');
    expect(zmx(['list', '--short']).stdout).toBe('d3\n');
  });

  test('a server that does not answer is unreachable, not gone', () => {
    zmx(['run', 'hung', '-d', 'sleep', '30']);
    const server = serverOf('hung');
    process.kill(server, 'SIGSTOP');
    try {
      expect(zmx(['list']).stdout).toBe('  name=hung\terr=Timeout\tstatus=unreachable\n');
      expect(zmx(['list', '--short']).stdout).toBe('');
    } finally {
      process.kill(server, 'SIGCONT');
    }
    expect(zmx(['list', '--short']).stdout).toBe('hung\n');
  });

  test('attach on a terminal shows the session and counts as a client, and ctrl+\\ detaches from it', async () => {
    zmx(['run', 'seen', '-d', 'sh', '-c', 'echo marker-on-screen; sleep 30']);
    const terminal = start(['script', '-qec', `${root}/bin/zmx attach seen`, '/dev/null'], {
      TERM: 'xterm-256color',
    });
    expect(await until(() => terminal.stdout.includes('marker-on-screen'))).toBe(true);
    expect(row('seen')).toMatchObject({ clients: '1' });
    terminal.child.stdin.write('\u001c');
    expect(await until(() => terminal.exit !== undefined)).toBe(true);
    expect(terminal.exit).toBe(0);
    // A full reset, which also removes tmux's message.
    expect(terminal.stdout.endsWith('\u001bc')).toBe(true);
    expect(row('seen')).toMatchObject({ clients: '0' });
  });

  test('attach works on a terminal type that is unknown to this host', async () => {
    const terminal = start(['script', '-qec', `${root}/bin/zmx attach fresh`, '/dev/null'], {
      TERM: 'no-such-term',
    });
    expect(await until(() => terminal.stdout.includes('root@host'))).toBe(true);
    terminal.child.stdin.write('exit\r');
    expect(await until(() => terminal.exit !== undefined)).toBe(true);
    expect(terminal.exit).toBe(0);
    await untilEqual(() => zmx(['list', '--short']).stdout, '');
  });

  test('attach ends with its shell on a busy machine, where tmux may miss the end of a shell', async () => {
    const load = Array.from({ length: 2 * availableParallelism() }, () =>
      start(['sh', '-c', 'while :; do :; done']),
    );
    try {
      for (let i = 0; i < 8; i += 1) {
        const terminal = start(['script', '-qec', `${root}/bin/zmx attach busy${i}`, '/dev/null'], {
          TERM: 'xterm-256color',
        });
        expect(await until(() => terminal.stdout.includes('root@host'))).toBe(true);
        terminal.child.stdin.write('exit\r');
        expect(await until(() => terminal.exit !== undefined)).toBe(true);
        expect(terminal.exit).toBe(0);
      }
    } finally {
      for (const { child } of load) child.kill('SIGKILL');
    }
  });

  test.each(['sh', 'zsh', 'fish'])(
    'B5: the printed attach command opens no session that is gone, in %s',
    (login) => {
      const hint = attachHint({ zmxPath: `${root}/bin/zmx`, zmxDir: `${root}/zmx`, session: 'kept' });
      expect(call([login, '-c', hint])).toEqual({
        stdout: 'no session kept any more\n',
        stderr: '',
        exit: 0,
      });
      zmx(['run', 'kept', '-d', 'sleep', '30']);
      expect(call([login, '-c', hint])).toEqual({ stdout: '\u001b[2J\u001b[H\u001bc', stderr: '', exit: 0 });
      process.kill(serverOf('kept'), 'SIGKILL');
      expect(call([login, '-c', hint])).toMatchObject({ stdout: 'no session kept any more\n', exit: 0 });
      expect(sessionFiles()).toEqual([]);
    },
  );

  test('attach inside a session never ends that session', () => {
    zmx(['attach', 'inner']);
    zmx(['attach', 'other']);
    expect(zmx(['attach', 'other'], { env: { ZMX_SESSION: 'inner' } })).toEqual({
      stdout: '',
      stderr: '',
      exit: 0,
    });
    expect(zmx(['list', '--short']).stdout).toBe('inner\nother\n');
  });

  test('a step reads the terminal, not the stdin of run', async () => {
    zmx(['run', 'reads', '-d', 'sh', '-c', `read line; echo "$line" >${root}/work/line`], {
      stdin: 'DATA\n',
    });
    await until(() => zmx(['history', 'reads']).stdout.includes('line'));
    expect(call(['sh', '-c', 'printf "typed\\r" | zmx attach reads']).exit).toBe(0);
    await ended('reads', 0);
    expect(readFileSync(`${root}/work/line`, 'utf8')).toBe('typed\n');
  });

  test.each(['send', 'print', 'write', 'wait', 'tail', 'get', 'set', 'clear'])(
    '%s is refused, unlike a word that is no command of zmx',
    (command) => {
      const stderr = `error: ${command} is not supported by this zmx, which is a shim over tmux\n`;
      expect(zmx([command, 'x'])).toEqual({ stdout: '', stderr, exit: 1 });
      expect(zmx(['history', 'x', '--vt'])).toMatchObject({
        stderr: 'error: history --vt is not supported\n',
        exit: 1,
      });
      expect(zmx(['run', 'x', 'true'])).toMatchObject({
        stderr: 'error: run without -d is not supported by this zmx, which is a shim over tmux\n',
        exit: 1,
      });
    },
  );

  test('a session in a deleted directory stays there and has no start_dir', async () => {
    mkdirSync(`${root}/work/gone`);
    call(['sh', '-c', 'cd gone; rmdir ../gone; exec zmx run cg -d pwd']);
    await ended('cg', 1);
    expect(row('cg')).not.toHaveProperty('start_dir');
  });

  test('a socket path may have at most 107 bytes', () => {
    const longest = 'm'.repeat(107 - `${root}/zmx/`.length);
    expect(zmx(['run', longest, '-d', 'true']).stdout).toBe(`session "${longest}" created\ncommand sent!\n`);
    expect(zmx(['run', `${longest}m`, '-d', 'true'])).toEqual({
      stdout: '',
      stderr:
        `error: session name is too long (${longest.length + 1} bytes, max ${longest.length} ` +
        `for socket directory "${root}/zmx")\n`,
      exit: 0,
    });
    const deep = `${root}/zmx/${'d'.repeat(120)}`;
    expect(zmx(['run', 'm', '-d', 'true'], { env: { ZMX_DIR: deep } })).toEqual({
      stdout: '',
      stderr: `error: socket directory path is too long ("${deep}")\n`,
      exit: 0,
    });
  });

  test('directories get mode 0750; a file in place of one, or a relative path, is an error', () => {
    zmx(['list']);
    expect(statSync(`${root}/zmx`).mode & 0o777).toBe(0o750);
    expect(zmx(['version'], { env: { ZMX_DIR: `${root}/bin/zmx/x` } })).toEqual({
      stdout: '',
      stderr: 'error: NotDir\n',
      exit: 1,
    });
    expect(zmx(['list'], { env: { ZMX_DIR: 'rel' } })).toMatchObject({ exit: 134 });
  });
});
