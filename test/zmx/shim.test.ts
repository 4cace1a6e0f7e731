// The shim against recordings of the real zmx 0.7.0, over this machine's tmux.
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
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
/** Paths in the recordings begin with this. */
const recordedRoot = '/run/px';

/** Recorded calls that are not replayed, by name (a trailing `*` stands for any rest), and why. */
const notReplayed: Record<string, string> = {
  'list.right_after_run_d': 'a race: ended may be there or not',
  'list.mixed_soon_after_start': 'a race: ended may be there or not',
  'run.sync_stderr_merged':
    'the 0.7 bug that a reused session reports the previous code; the shim reports the right one',
  'busy.*': 'rows of many sessions over time; which of two commands is recorded has its own test here',
  'run.stdin_not_forwarded*': 'waits for ever; own test here',
  'die.*': 'needs the daemon killed or stopped; own tests here',
  'unreach.*': 'needs the daemon killed or stopped; own tests here',
  'stale.*': 'needs the daemon killed or stopped; own tests here',
  'wait.*': 'the same path as the replayed ones, and slow (each takes seconds in zmx)',
  'history.vt*': 'tmux writes other, equivalent escape sequences',
  'history.flag_first': 'tmux writes other, equivalent escape sequences',
  'history.html': 'the shim writes plain text in one <pre>, without colours',
  'history.nonblocking_stdout': 'a defect of zmx that the shim does not have',
  'history.slow_reader_blocking_pipe':
    'depends on the scrollback of an earlier flood; sizes differ by a few rows',
  'kill.list_0.8s_later': 'the same as kill.list_at_once',
  'kill.sem_*': 'observations over process tables; own test here for hangup and for an ignored one',
  'kill.shell_that_ignores_HUP': 'own test here',
  'attach.pty_*': 'needs a terminal; own test here',
  'attach.list_*': 'rows left by the calls on a terminal',
  'attach.history_*': 'needs a terminal',
  'attach.wait_on_non_task_session': 'waits for ever',
  'attach.env_switch_*': 'deliberately different: attach inside a session never ends that session',
  'names.max_len_*': 'depends on the length of the directory; own test here',
  'dirs.umask0': 'the mode of a tmux socket is set by tmux',
  'dirs.relative': 'zmx panics with a stack trace; the shim exits 134 too',
  'dirs.world_writable_dir_is_accepted': 'needs a fixed directory elsewhere',
  'dirs.trailing_slash': 'needs a session left by an earlier case; own test here',
  'dirs.not_writable': 'zmx hangs; the shim says NotDir',
  'dirs.too_long': 'depends on the length of the directory; own test here',
  'dirs.other_user_*': 'needs another user; own test here where that is possible',
  'detach.list_after': 'the rows of earlier cases',
  'dirs.none_*': 'would use the real /tmp/zmx-UID',
  'dirs.XDG_RUNTIME_DIR_empty': 'would make /zmx',
  'dirs.log_dir_not_creatable': 'needs a file in the way; own test here',
  'dirs.run_without_HOME': 'the prompt of a shell without HOME is that of the machine',
  'dirs.list_without_HOME': 'the prompt of a shell without HOME is that of the machine',
  'fds.*': 'timings over seconds, or a defect of zmx (writes at offset 0) that the shim does not have',
  'spoof.*': 'own test here',
  'nobash.*': 'the shells of other SHELL values give rows that the other groups cover',
  'env.*': 'depends on the login profile and the machine; own test here',
  'argv.*': 'the cut at 4095 bytes is a race of zmx; the shim waits for the line editor; own test here',
  'ctrl.*': 'keys: what they do is up to readline',
  'profile.*': 'login profiles of one machine',
  'log.*': 'the shim writes no logs',
  'screen.*': 'tmux is the emulator: differences in erased, reset and alternate screens are its own',
  'conc.*': 'own tests here',
  'race.*': 'own test here',
  'tail.*': 'follows for ever; own test here',
  'send.*': 'own test here',
  'ssh.*': 'needs an sshd',
  'setsid.*': 'needs the process tree of zmx',
  'cross.*': 'needs real binaries of other versions',
  'flood.*': 'timings of zmx under load',
  'signal.*': 'wrapper.sh of the recorder with signals; the code is the shell’s own',
  'stdin.*': 'rows of many sessions over time',
  'bg.*': 'rows of many sessions over time',
  'sockgone.*': 'files removed by others: sessions turn invisible with the shim as well',
  'misc.*': 'byte order and file offsets; order has its own test here',
  'nested.*': 'deliberately different: attach inside a session never ends that session',
  'shape.*': 'the way Chandler calls; own test here',
  'claim_b.-d_before_name': 'waits for a session called -d; covered by names.run_leading_dash',
};

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
  // A server that `kill` left behind is ended by its own number, and fails the test.
  const left = tmuxServers();
  for (const pid of left) process.kill(pid, 'SIGKILL');
  rmSync(`${root}/zmx`, { recursive: true, force: true });
  expect({ left, of: servers.length }).toEqual({ left: [], of: servers.length });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The processes of tmux servers that listen under our private directory. */
function tmuxServers(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[3]?.startsWith(`${root}/`);
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
  const done = spawnSync(path, rest, {
    cwd: `${root}/work`,
    env,
    input: options.stdin ?? '',
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { stdout: done.stdout, stderr: done.stderr, exit: done.status };
}
function zmx(argv: string[], options: Parameters<typeof call>[1] = {}): Answer {
  return call(['zmx', ...argv], options);
}
async function until(condition: () => boolean, limitMs = 8000): Promise<boolean> {
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

/** What varies from call to call: numbers of processes, times, and scraps of prompt around what was typed. */
function settled(text: string): string {
  return text
    .replaceAll(recordedRoot, root)
    .replaceAll(/^ghostty_vt.*$/gm, 'ghostty_vt')
    .replaceAll(/pid=\d+/g, 'pid=N')
    .replaceAll(/(created|ended)=\d{6,}/g, '$1=T')
    .replaceAll(/^\[\d+\]/gm, '[T]')
    .replaceAll(/max \d+ for/g, 'max N for');
}
function settledHistory(text: string): string {
  const lines = settled(text).split('\n');
  // What is typed before the shell's first prompt is echoed twice: a race in zmx as well.
  const first = lines.findIndex((line) => line.includes('@host:'));
  return lines.slice(Math.max(first, 0)).join('\n');
}
function settledSyncOutput(text: string): string {
  return settled(text)
    .split(/(?<=\n)/)
    .filter((line) => !line.includes('$?') && !/@host:\S*# $/.test(line) && !/^echo two$/.test(line.trim()))
    .map((line) => line.replaceAll(/^[\r\n]*\r(?!\n)/g, ''))
    .join('');
}
function settledWait(text: string): string {
  // Sessions come in directory order, which is arbitrary.
  const [head = '', ...failed] = settled(text).split('---\n');
  const blocks = failed.map((block) =>
    block.replace(/history:\n(?:(?!root@host)[^\n]*\n)*/, 'history:\n').replaceAll(/^.*\$\?\n/gm, ''),
  );
  return [head.split('\n').sort().join('\n'), ...blocks.sort()].join('---\n');
}
function settledAnswer(step: { argv: string[] }, answer: Answer): Answer {
  const [program, command] = step.argv;
  let stdout = settled(answer.stdout);
  if (program === 'zmx' && command === 'history') stdout = settledHistory(answer.stdout);
  if (program === 'zmx' && command === 'wait') stdout = settledWait(answer.stdout);
  if (program === 'zmx' && command === 'kill') stdout = stdout.split('\n').sort().join('\n');
  if (program === 'zmx' && command === 'run' && !step.argv.some((word) => word.startsWith('-d'))) {
    stdout = settledSyncOutput(answer.stdout);
  }
  if (stdout.startsWith('zmx - ') || stdout === '<help text>') stdout = '<help text>';
  return { stdout, stderr: settled(answer.stderr), exit: answer.exit };
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
  const read = () => settledAnswer({ argv }, call(argv, { env, ...(step.stdin && { stdin: step.stdin }) }));
  const expected = settledAnswer(
    { argv },
    { stdout: step.stdout ?? '', stderr: step.stderr ?? '', exit: step.exit ?? 0 },
  );
  // What reports is asked again until it agrees; what acts is done once.
  if (argv[0] === 'zmx' && ['list', 'history', 'wait'].includes(argv[1] ?? ''))
    await untilEqual(read, expected);
  else expect(read()).toEqual(expected);
}

describe.each(Object.entries(shells))('recorded calls, under %s', (name, shell) => {
  beforeEach(() => useShell(shell));
  for (const group of recorded as { title: string; core: boolean; steps: Step[] }[]) {
    if (name !== 'dash' && !group.core) continue;
    test(`${group.title}`, { timeout: 60_000 }, async () => {
      for (const step of group.steps) {
        try {
          await replay(step);
        } catch (error) {
          throw new Error(`${step.case ?? step.setup}: ${String((error as Error).message)}`, {
            cause: error,
          });
        }
      }
    });
  }
});

test('every recorded call is replayed or left out for a reason', () => {
  const replayed = new Set(recorded.flatMap((group) => group.steps.map((step) => (step as Step).case)));
  const reasons = Object.keys(notReplayed);
  const excused = (name: string) =>
    reasons.some((rule) => (rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule));
  const missing = transcript
    .filter((entry) => entry.argv && !replayed.has(entry.case) && !excused(entry.case))
    .map((entry) => entry.case);
  expect(missing).toEqual([]);
});
