import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCheck, inspectHost, type HostReport } from '../../src/host/host-report.ts';
import { renderCheck } from '../../src/host/launch-body.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import { keyOf } from '../../src/host/zmx-transfer.ts';
import { forecastZmx, type ZmxForecast } from '../../src/host/zmx-forecast.ts';
import type { ZmxSource } from '../../src/host/install-zmx.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { Patience } from '../../src/ssh/patience.ts';
import { loadShim } from '../../src/zmx/index.ts';
import { LocalExecutor } from '../support/local-executor.ts';

const programs = loadPrograms();

/** Runs every `sh` of a command in another shell. */
function inShell(shell: readonly string[], env?: NodeJS.ProcessEnv): Executor {
  const local = new LocalExecutor({ env: { ...process.env, ...env } });
  return { exec: ({ words }, options) => local.exec({ words: [...shell, ...words.slice(1)] }, options) };
}

describe.each([[['dash']], [['bash']], [['busybox', 'sh']]])('an inspection in %s', (shell) => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'chandler-inspect-'))));
  afterAll(async () => {
    rmSync(dir, { recursive: true, force: true });
    // The `timeout` of busybox ends a check, but not what the check has started.
    if (shell[0] === 'busybox') await delay(3000);
  });
  const deps = () => ({ executor: inShell(shell, { HOME: dir, TMPDIR: dir }), programs });

  it('reads a sentinel and a marker with hostile names, and reports which are absent', async () => {
    const path = join(dir, "a b'$(touch x)");
    const marker = join(dir, '-n');
    const before = await inspectHost(deps(), { sentinelPath: path, marker });
    expect(before).toMatchObject({ marker: 'absent', sentinel: { path, found: 'absent' } });
    execFileSync('sh', ['-c', 'printf "{}\\n" >"$1"; : >"$2"', 'sh', path, marker]);
    const after = await inspectHost(deps(), { sentinelPath: path, marker });
    expect(after).toMatchObject({ marker: 'present', sentinel: { path, found: 'present', content: '{}\n' } });
    const directory = await inspectHost(deps(), { sentinelPath: dir });
    expect(directory.sentinel).toMatchObject({ found: 'unreadable' });
    const under = await inspectHost(deps(), { sentinelPath: `${path}/below` });
    expect(under.sentinel).toMatchObject({
      found: 'absent',
      unwritable: expect.stringContaining('is not a directory') as string,
    });
    const proc = await inspectHost(deps(), { sentinelPath: '/proc/1/none/such' });
    expect(proc.sentinel.found).toBe('absent');
    expect(execFileSync('ls', ['-A', dir]).toString().trim().split('\n')).toHaveLength(2);
  });

  it.each([
    ['quick', 'true', 0, 3500],
    // 6000 is all that it waits.
    ['slow', 'sleep 4', 3500, 6000],
  ])('measures a login shell that is %s', async (_, profile, leastMs, mostMs) => {
    const home = mkdtempSync(join(dir, 'home-'));
    // What bash reads, and what a shell without a file of its own does.
    for (const file of ['.bash_profile', '.profile']) writeFileSync(join(home, file), `${profile}\n`);
    const timed = { executor: inShell(shell, { HOME: home, TMPDIR: dir }), programs };
    const { loginMs } = await inspectHost(timed, { timeLogin: true });
    expect(loginMs).toBeGreaterThanOrEqual(leastMs);
    expect(loginMs).toBeLessThanOrEqual(mostMs);
  });

  it('does not end a login shell that takes longer than it waits', async () => {
    const home = mkdtempSync(join(dir, 'home-'));
    writeFileSync(join(home, '.bash_profile'), 'until [ -e ~/go ]; do sleep 0.2; done; echo >~/through\n');
    const timed = { executor: inShell(shell, { HOME: home, TMPDIR: dir }), programs };
    expect(await inspectHost(timed, { timeLogin: true })).toMatchObject({ loginMs: 6000 });
    writeFileSync(join(home, 'go'), '');
    await expect.poll(() => existsSync(join(home, 'through'))).toBe(true);
  });

  it.each<[what: string, script: string, code: number]>([
    ['is satisfied', 'exit 0', 0],
    ['is not', 'false', 1],
    [
      'has its environment, with any text in it',
      `test "$TEXT" = "it's
two lines \\ \\$HOME" && test "$CHANDLER_LAUNCH" = id && exit 7`,
      7,
    ],
    ['reads nothing and prints to nobody', 'test -z "$(cat)" && echo x && exit 8', 8],
    ['is longer than a pipe', `exit 9\n${'# x\n'.repeat(60_000)}`, 9],
    ['ends without a line end', 'exit 10', 10],
    ['is killed', 'kill -9 $$', 137],
    ['is ended by a time limit of its own', 'exit 124', 124],
  ])('reports how a check ends that %s', async (_, script, code) => {
    const body = renderCheck(script, { TEXT: "it's\ntwo lines \\ $HOME" });
    expect(await runCheck(deps(), '', 'id', body)).toBe(code);
  });

  it('waits for a check that takes longer than the host may take to begin', async () => {
    const patience = new (class extends Patience {
      override get ms() {
        return 1500;
      }
    })();
    const { executor, ...others } = deps();
    const opened: Executor = {
      patience,
      async exec(command, options) {
        options?.onOpen?.();
        return executor.exec(command, options);
      },
    };
    const impatient = { ...others, executor: opened };
    expect(await runCheck(impatient, '', 'id', 'sleep 3; exit 3')).toBe(3);
  });

  it.each([
    ['hangs', 'exec sleep 3'],
    ['hangs in a child', 'sleep 3 | cat; exit 0'],
    ['hangs, and ends well at a signal', "trap 'exit 0' TERM; sleep 3 & wait"],
  ])('reports that a check is late that %s', async (_, script) => {
    expect(await runCheck(deps(), '', 'id', script, 1)).toBe('late');
  });
});

it('an inspection is answered, however much the host reports', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-inspect-'));
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const state = join(dir, '.local/state/chandler');
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'lease'), `held\nchandler: refused=disk-full\n${'\u001b[2J'.repeat(2_000_000)}`);
  const say = (name: string, script: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  say('id', '[ "$1" = -u ] && exec echo 1000; head -c 9000000 /dev/zero | tr "\\0" x');
  say('uname', 'head -c 9000000 /dev/zero | tr "\\0" x');
  say('zmx', 'yes "zmx 9.9.9"');
  const env = { HOME: dir, TMPDIR: dir, PATH: `${bin}:${process.env['PATH']}`, XDG_STATE_HOME: '' };
  const look = await inspectHost({ executor: inShell(['dash'], env), programs });
  expect(look.lease).toMatch(/^held/);
  expect(look.facts.zmx?.versionText).toMatch(/^zmx 9/);
  expect(JSON.stringify(look).length).toBeLessThan(50_000);
  rmSync(dir, { recursive: true });
});

describe('the zmx of a run', () => {
  const { content, sha256 } = loadShim();
  const bytes = Buffer.from('#!/bin/sh\n');
  const archive = Buffer.from([0x1f, 0x8b, 0]);
  const look = (changes: Partial<HostReport> = {}, facts: Partial<HostReport['facts']> = {}): HostReport => ({
    facts: {
      arch: 'x86_64',
      os: '',
      uid: 0,
      bootId: '',
      stateDir: '/s',
      zmxDir: '/z',
      tools: ['tmux', 'tar', 'curl'],
      ...facts,
    },
    user: 'root',
    nowMs: 0,
    missing: { tools: [], packages: [] },
    state: { exists: true, noexec: false },
    sentinel: { path: '/s/provisioned', found: 'absent' },
    lease: '',
    zmxReady: [],
    leftovers: [],
    openSessions: [],
    ...changes,
  });
  const zmx = (version: string) => ({ path: '/bin/zmx', versionText: `zmx\t\t${version}\n` });
  const file = (given: Uint8Array): ZmxSource => ({
    spec: { file: 'mine' },
    readFile: async () => given,
  });
  const key = keyOf('0.7.0', '8b8783d7b120c9ffd0acf4aee37969054dc0dfef3c4f3a4728d2efd35f2e97a0');

  it.each<[what: string, look: HostReport, source: ZmxSource, kind: ZmxForecast['kind'], message: string]>([
    ['is there and new enough', look({}, { zmx: zmx('0.7.0') }), {}, 'there', '/bin/zmx'],
    ['is too old', look({}, { zmx: zmx('0.4.0') }), {}, 'install', 'https://zmx.sh'],
    ['lies ready', look({ zmxReady: [key] }), {}, 'there', `/s/zmx/${key}/zmx`],
    ['is pulled by the host', look(), {}, 'install', 'zmx-0.7.0-linux-x86_64.tar.gz (sha256 8b8783d7b120…)'],
    ['is pushed by the worker', look({}, { tools: ['tar'] }), {}, 'install', 'pushed by the worker'],
    ['is not built for the CPU', look({}, { arch: 'riscv64' }), {}, 'fails', 'riscv64'],
    ['cannot be unpacked', look({}, { tools: ['curl'] }), {}, 'fails', 'no tar'],
    ['cannot be run', look({ state: { exists: true, noexec: true } }), {}, 'fails', 'noexec'],
    ['is a file of the worker', look(), file(bytes), 'install', "the worker's zmx directory"],
    ['is an archive of the worker', look({}, { tools: [] }), file(archive), 'fails', 'no tar'],
    [
      'is a file that lies ready',
      look({ zmxReady: [keyOf('file', sha256Of(bytes))] }),
      file(bytes),
      'there',
      '/s/zmx/file-',
    ],
    ['is no file of the worker', look(), { spec: { file: 'x' } }, 'fails', 'cannot read the zmx file'],
    ['is the shim', look(), { spec: { source: 'tmux' } }, 'install', 'shim over tmux'],
    ['is the shim without a tmux', look({}, { tools: [] }), { spec: { source: 'tmux' } }, 'fails', 'no tmux'],
    [
      'is the very shim',
      look({ zmxSha256: sha256 }, { zmx: zmx('0.7.0') }),
      { spec: { source: 'tmux' } },
      'there',
      '/bin/zmx',
    ],
    ['is what the worker prefers', look(), { defaults: { source: 'tmux' } }, 'install', 'shim over tmux'],
  ])('%s', async (_, seen, source, kind, message) => {
    expect(content.length).toBeGreaterThan(0);
    const forecast = await forecastZmx(seen, source);
    expect(forecast.kind).toBe(kind);
    expect(JSON.stringify(forecast)).toContain(message);
  });
});
