import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeLaunch, type Launch } from '../../src/domain/run/ids.ts';
import type { Host } from '../../src/host/host.ts';
import type { LogStart, Progress } from '../../src/host/launch.ts';
import { renderLaunchBody, renderSecrets } from '../../src/host/launch-body.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { probeHost } from '../../src/host/probe.ts';
import { sh, type Command } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { hostAt } from '../support/host-at.ts';
import { poll } from '../support/poll.ts';

/** Part of the arguments of long sleeps, because other tests may run on the same machine. */
const own = process.pid;
const SHELLS = { dash: ['dash'], bash: ['bash', '--posix'], busybox: ['busybox', 'ash'] } as const;

describe.each(Object.keys(SHELLS) as (keyof typeof SHELLS)[])('the launch protocol under %s', (name) => {
  const shell = SHELLS[name];
  // Spaces and quotes in every path of the host: nothing may fall apart over them.
  const stateDir = mkdtempSync(join(tmpdir(), `chandler host's-${name} `));
  const local = new LocalExecutor();
  /** Runs host programs by the shell under test instead of `sh`. */
  const executor: Executor = {
    exec: (command: Command, options) =>
      local.exec(command.words[0] === 'sh' ? sh(...shell, ...command.words.slice(1)) : command, options),
  };
  const programs = loadPrograms();
  let host: Host;
  let count = 0;
  const launches: Launch[] = [];

  beforeAll(async () => {
    const { facts, missingPrograms } = await probeHost(executor, programs, { stateDir });
    expect(facts.stateDir).toBe(stateDir);
    expect(missingPrograms).toBe(true);
    host = hostAt(executor, stateDir, programs);
    await host.installPrograms();
  });
  afterAll(async () => {
    for (const launch of launches) await host.kill(launch.id, { graceS: 0 });
    rmSync(stateDir, { recursive: true, maxRetries: 5 });
  });

  const create = async (script: string, env: Record<string, string> = {}): Promise<Launch> => {
    const launch = makeLaunch(`run ${process.pid} ${stateDir}`, `step-${(count += 1)}`, 'finalizer', 1);
    launches.push(launch);
    await host.create(launch.id, renderLaunchBody(launch, { script, env }));
    return launch;
  };
  const start = async (launch: Launch, secrets: Record<string, string> = {}) =>
    host.start(launch.id, { secrets: renderSecrets(secrets), boundS: 60 });
  const log = async (launch: Launch) =>
    Buffer.from((await host.log(launch.id, { start: 0, maxBytes: 1_000_000 })).bytes).toString();
  const dirOf = (launch: Launch) => join(stateDir, 'launches', launch.id);
  /** Also those that a start or a check keeps under names of its own. Other tests have theirs beside them. */
  const secretsOf = ({ id }: Launch) =>
    readdirSync('/run/chandler/secrets').filter((file) => file.startsWith(id));

  it('records the end of a launch although the uptime of the host cannot be read', async () => {
    const { name, text } = programs.supervise;
    const supervise = { name: `${name}-blind`, text: text.replaceAll('/proc/uptime', '/proc/no-uptime') };
    const blind = hostAt(executor, stateDir, { ...programs, supervise });
    await blind.installPrograms();
    const launch = await create('exit 7');
    await blind.start(launch.id, { secrets: '', boundS: 60 });
    expect(await blind.wait(launch.id, { boundS: 60 })).toMatchObject({
      kind: 'exited',
      code: 7,
      elapsedMs: 0,
    });
  });

  it('records exit code, log and time', async () => {
    const launch = await create('echo out; echo err >&2; tty; exit 7');
    expect(await host.state(launch.id)).toEqual({ kind: 'created' });
    await start(launch);
    const state = await host.wait(launch.id, { boundS: 60 });
    expect(state).toMatchObject({ kind: 'exited', code: 7 });
    expect(await log(launch)).toMatch(/^out\r\nerr\r\n\/dev\/pts\/\d+\r\n$/);
  });

  it('makes files as a login would, and keeps its own to itself', async () => {
    const umask = process.umask(0o027);
    const launch = await create('umask').finally(() => process.umask(umask));
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    expect(await log(launch)).toBe('0027\r\n');
    expect(statSync(join(dirOf(launch), 'log')).mode & 0o777).toBe(0o600);
  });

  it.each([undefined, 'C.UTF-8'])("has the locale of the login, not the worker's: %s", async (locale) => {
    vi.stubEnv('LC_ALL', locale);
    const launch = await create('echo "${LC_ALL-none}"').finally(() => vi.unstubAllEnvs());
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    expect(await log(launch)).toBe(`${locale ?? 'none'}\r\n`);
  });

  it('runs once however often it is created and started, also at the same time', async () => {
    const launch = await create('echo ran >> "$OUT"; sleep 0.3', { OUT: join(stateDir, 'once') });
    await host.create(launch.id, renderLaunchBody(launch, { script: 'echo other', env: {} }));
    await Promise.all(Array.from({ length: 8 }, () => start(launch)));
    await host.wait(launch.id, { boundS: 60 });
    await start(launch);
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    expect(readFileSync(join(stateDir, 'once'), 'utf8')).toBe('ran\n');
  });

  it('takes hostile scripts and values literally', async () => {
    const values = {
      QUOTES: `it's "quoted" \\ \`id\``,
      LINES: 'one\ntwo\n\nthree',
      SUBSTITUTION: '$(touch /tmp/chandler-was-here) ${HOME} $1',
      UNICODE: 'žluťoučký 🐎',
      DASH: '-n',
      // Names that the supervisor itself uses must not matter to it.
      dir: 'mine',
      id: 'mine',
      code: '9',
      pty: 'no',
      line: 'mine',
      script: 'mine',
      masks: 'mine',
      IFS: 'x',
    };
    const names = Object.keys(values).filter((key) => key !== 'IFS');
    const launch = await create(
      `for n in ${names.join(' ')}; do printf '%s=<%s>\\n' "$n" "\${!n}"; done`,
      values,
    );
    await start(launch);
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    const expected = names.map((key) => `${key}=<${values[key as keyof typeof values]}>\n`).join('');
    expect((await log(launch)).replaceAll('\r\n', '\n')).toBe(expected);
    expect(existsSync('/tmp/chandler-was-here')).toBe(false);
  });

  it.each(['$HOME/bin:$PATH', '/no/such/bin', ''])(
    'runs a script whose PATH leads to no program, and keeps what it prints: %j',
    async (path) => {
      const launch = await create('echo "with $PATH"; ls; exit 5', { PATH: path });
      await start(launch);
      expect(await host.wait(launch.id, { boundS: 20 })).toMatchObject({ kind: 'exited', code: 5 });
      expect(await log(launch)).toMatch(/^with (.*)\r\n.*ls.*(not found|No such file)/);
      expect(await log(launch)).toContain(`with ${path}\r\n`);
    },
  );

  it('honours a #! line', async () => {
    const launch = await create('#!/usr/bin/awk -f\nBEGIN { print "from awk"; exit 3 }');
    await start(launch);
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 3 });
    expect(await log(launch)).toBe('from awk\r\n');
  });

  it('gives secrets to the step and stores them nowhere', async () => {
    const secret = "s3cr3t/'quoted' $(x) & [a-z]* end";
    const pem = '-----BEGIN KEY-----\nAAAABBBB\n-----END KEY-----';
    const launch = await create(
      'printf "%s|%s\\n" "$TOKEN" "$PEM"; env | grep -c TOKEN; ps axo args | grep -c "[s]3cr3t" || true',
    );
    await start(launch, { TOKEN: secret, PEM: pem });
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    const text = await log(launch);
    expect(text).toContain('***|***');
    expect(text).toContain('\r\n1\r\n0\r\n');
    expect(text).not.toContain('s3cr3t');
    expect(text).not.toContain('AAAABBBB');
    const found = execFileSync('sh', [
      '-c',
      'grep -rlF s3cr3t "$1" /run/chandler 2>/dev/null || true',
      'sh',
      stateDir,
    ]);
    expect(found.toString()).toBe('');
    expect(secretsOf(launch)).toEqual([]);
  });

  it('does not keep a secret that came too late', async () => {
    const launch = await create('sleep 0.2');
    await Promise.all([start(launch, { A: 'late-secret' }), start(launch, { A: 'late-secret' })]);
    await host.wait(launch.id, { boundS: 60 });
    await start(launch, { A: 'late-secret' });
    expect(secretsOf(launch)).toEqual([]);
  });

  it('kills everything: children with setsid, nohup, an empty environment and TERM ignored', async () => {
    const script = [
      "trap '' TERM",
      `setsid sleep 7001.${own} &`,
      `nohup sleep 7002.${own} >/dev/null 2>&1 &`,
      `(setsid sh -c "sleep 7003.${own} & sleep 7003.${own}" &)`,
      `env -i sleep 7004.${own} &`,
      `sleep 7005.${own}`,
    ].join('\n');
    const launch = await create(script);
    await start(launch);
    await expect.poll(() => sleepers('700')).toHaveLength(6);
    const { found, left, state } = await host.kill(launch.id, { graceS: 1 });
    expect(found).toBeGreaterThanOrEqual(6);
    expect(left).toBe(0);
    expect(sleepers('700')).toEqual([]);
    expect(state).toMatchObject({ kind: 'exited' });
  });

  it('distinguishes an end on request from one of its own, however often it is requested', async () => {
    const killed = await create('exec sleep 7394');
    await start(killed);
    for (const _ of [1, 2]) {
      expect((await host.kill(killed.id, { graceS: 1 })).state).toMatchObject({
        kind: 'exited',
        killed: true,
      });
    }
    const own = await create('exit 4');
    await start(own);
    await host.wait(own.id, { boundS: 60 });
    for (const _ of [1, 2]) {
      const { state } = await host.kill(own.id, { graceS: 1 });
      expect(state).toMatchObject({ kind: 'exited', code: 4 });
      expect(state).not.toHaveProperty('killed');
    }
  });

  it('never starts what was killed before it began', async () => {
    const launch = await create('touch "$OUT"', { OUT: join(stateDir, 'never') });
    expect((await host.kill(launch.id, { graceS: 0 })).state).toEqual({ kind: 'cancelled' });
    // A supervisor that zmx had been told to start and that begins only now.
    const supervisor = join(stateDir, 'bin', programs.supervise.name);
    const words = [supervisor, dirOf(launch), `/nonexistent/secrets/${launch.id}`];
    expect(spawnSync('bash', words, { stdio: 'ignore' }).status).toBe(143);
    expect(await start(launch)).toMatchObject({ kind: 'exited', code: 143 });
    expect(existsSync(join(stateDir, 'never'))).toBe(false);
  });

  it('never creates what was killed before it was created', async () => {
    const id = `never-${name}`;
    expect((await host.kill(id, { graceS: 0 })).state).toEqual({ kind: 'cancelled' });
    const body = { settings: ['step=a', 'attempt=1', 'linger=0'] as const, env: '', script: 'echo ran' };
    expect(await host.create(id, body)).toEqual({ kind: 'cancelled' });
    expect(await host.start(id, { secrets: '', boundS: 1 })).toEqual({ kind: 'cancelled' });
  });

  it('reports progress for as long as it is asked to wait', async () => {
    const launch = await create('printf "one\\n\\ntwo 1 %%\\rtwo 2 %%\\r"; exec sleep 7390');
    await start(launch);
    const progress: Progress[] = [];
    const options = { boundS: 60, everyS: 1, forS: 1, onProgress: (each: Progress) => progress.push(each) };
    expect(await host.wait(launch.id, options)).toMatchObject({ kind: 'running' });
    expect(progress).toHaveLength(2);
    expect(progress.at(-1)).toMatchObject({ lastLine: 'two 2 %' });
    await host.kill(launch.id, { graceS: 0 });
  });

  it('distinguishes a removed launch from one that never began', async () => {
    const launch = await create(`exec sleep 7391.${own}`);
    await start(launch);
    let looked = false;
    const waiting = host.wait(launch.id, { boundS: 60, onProgress: () => (looked = true) });
    await expect.poll(() => looked).toBe(true);
    // Renamed first: what still writes in there would otherwise race with its removal.
    const removed = join(stateDir, 'removed');
    renameSync(dirOf(launch), removed);
    rmSync(removed, { recursive: true, maxRetries: 5 });
    expect(await waiting).toMatchObject({ kind: 'interrupted' });
    // The step and the shell that leads its session.
    expect(await host.kill(launch.id, { graceS: 1 })).toMatchObject({ found: 2, left: 0 });
    expect(sleepers('7391')).toEqual([]);
  });

  it('ends with its shell, even if background processes keep its output open, also without a pty', async () => {
    const tools = mkdtempSync(join(tmpdir(), 'chandler-tools-'));
    writeFileSync(join(tools, 'script'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const env = { ...process.env, PATH: `${tools}:${process.env['PATH']}` };
    const poor = hostAt(new LocalExecutor({ env }), stateDir, programs);
    const launch = await create('tty; sleep 7392 & echo said; exit 3');
    await poor.start(launch.id, { secrets: renderSecrets({}), boundS: 60 });
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 3 });
    expect(await log(launch)).toBe('not a tty\nsaid\n');
    expect(await host.kill(launch.id, { graceS: 1 })).toMatchObject({ found: 1, left: 0 });
    rmSync(tools, { recursive: true });
  });

  it('masks secrets as they are printed, not only at the end', async () => {
    const launch = await create('echo "it is $TOKEN"; exec sleep 7393');
    await start(launch, { TOKEN: 'hunter2-hunter2' });
    await expect.poll(() => log(launch)).toBe('it is ***\r\n');
    expect(readFileSync(join(dirOf(launch), 'log'), 'utf8')).toBe('it is ***\r\n');
    await host.kill(launch.id, { graceS: 0 });
  });

  it('ends a step with secrets although the dynamic linker prints a warning for each program', async () => {
    const launch = await create('echo "it is $TOKEN"; exit 3');
    vi.stubEnv('LD_PRELOAD', '/no/such/library.so');
    await start(launch, { TOKEN: 'hunter2-hunter2' }).finally(() => vi.unstubAllEnvs());
    expect(await host.wait(launch.id, { boundS: 20 })).toMatchObject({ kind: 'exited', code: 3 });
    expect(await log(launch)).toContain('it is ***');
  });

  it('counts as interrupted when the supervisor is killed; the remaining processes are found and ended', async () => {
    const launch = await create(`sleep 7101.${own}`);
    await start(launch);
    await expect.poll(() => sleepers('7101')).toHaveLength(1);
    const pid = /pid=(\d+)/.exec(readFileSync(join(dirOf(launch), 'started'), 'utf8'))?.[1];
    const waiting = host.wait(launch.id, { boundS: 60 });
    process.kill(Number(pid), 'SIGKILL');
    expect(await waiting).toMatchObject({ kind: 'interrupted', rebooted: false });
    expect(await start(launch)).toMatchObject({ kind: 'interrupted' });
    expect(await host.kill(launch.id, { graceS: 0 })).toMatchObject({ left: 0 });
    expect(sleepers('7101')).toEqual([]);
  });

  it('recognises a reboot by the boot id', async () => {
    const launch = await create('true');
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    rmSync(join(dirOf(launch), 'exit'));
    const started = join(dirOf(launch), 'started');
    writeFileSync(started, readFileSync(started, 'utf8').replace(/boot=.*/, 'boot=other'));
    expect(await host.state(launch.id)).toMatchObject({ kind: 'interrupted', rebooted: true });
    // A launch that was to reboot the host has ended well, unless its end was requested.
    const settings = join(dirOf(launch), 'settings');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace(/^linger=.*/m, '$& reboot=true'));
    expect(await host.state(launch.id)).toMatchObject({ kind: 'exited', code: 0, rebooted: true });
    expect(await host.wait(launch.id, { boundS: 5 })).toMatchObject({ kind: 'exited', rebooted: true });
    writeFileSync(join(dirOf(launch), 'cancelled'), '');
    expect(await host.state(launch.id)).toMatchObject({ kind: 'interrupted', rebooted: true });
  });

  it.each([
    ['A6: a directory `exit`', 'mkdir exit'],
    ['a FIFO `.exit`', 'rm .exit; mkfifo .exit'],
    ['a FIFO `log`', 'rm log; mkfifo log'],
    ['FIFOs `times` and `started`, and a directory `exit`', 'rm started; mkfifo started times; mkdir exit'],
  ])('blocks on nothing that a step puts in the place of its records: %s', async (_, act) => {
    const launch = await create(`cd "\${0%/*}"; ${act}; sleep 0.5`);
    await start(launch);
    const broken = { kind: 'interrupted', recordsBroken: true };
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject(broken);
    await expect
      .poll(() => host.log(launch.id, { start: 0, maxBytes: 100 }))
      .toMatchObject({ bytes: Buffer.alloc(0) });
    const { left, state } = await host.kill(launch.id, { graceS: 1 });
    expect(left).toBe(0);
    expect(state).toMatchObject(broken);
    const longAgo = new Date(Date.now() - 10 * 86_400_000);
    utimesSync(dirOf(launch), longAgo, longAgo);
    await host.prune(5);
    expect(existsSync(dirOf(launch))).toBe(false);
  });

  it.each(['rm lock; mkdir lock', 'rm -r ./*'])(
    'counts a step that does `%s` as interrupted at once, and ends it',
    async (act) => {
      const launch = await create(`cd "\${0%/*}"; ${act}; exec sleep 7396`);
      await start(launch);
      expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({
        kind: 'interrupted',
        recordsBroken: true,
      });
      expect(await host.start(launch.id, { secrets: '', boundS: 1 })).toMatchObject({ kind: 'interrupted' });
      expect(await host.kill(launch.id, { graceS: 1 })).toMatchObject({ left: 0 });
    },
  );

  it('A4: makes its directories again after a step has removed them all', async () => {
    const launch = await create('rm -rf "${0%/launches/*}"; sleep 0.3');
    await start(launch);
    expect(['absent', 'interrupted']).toContain((await host.wait(launch.id, { boundS: 60 })).kind);
    expect(await host.kill(launch.id, { graceS: 1 })).toMatchObject({ left: 0 });
    const next = await create('echo there');
    await start(next);
    expect(await host.wait(next.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    expect(await log(next)).toBe('there\r\n');
  });

  it('reports which files are absent', async () => {
    expect(await host.state('absent')).toEqual({ kind: 'absent' });
    expect(await host.wait('absent', { boundS: 1 })).toEqual({ kind: 'absent' });
    const launch = await create('true');
    expect(await host.wait(launch.id, { boundS: 0 })).toEqual({ kind: 'created' });
  });

  it('creates nothing from a body that is cut short', async () => {
    const args = ['cut', '100', 'f'.repeat(64), '10', '10'];
    const outcome = await executor.exec(
      sh('sh', join(stateDir, 'bin', programs.host.name), stateDir, 'create', ...args),
      {
        stdin: 'too short',
      },
    );
    expect(outcome).toMatchObject({ kind: 'exited', code: 70 });
    expect(await host.state('cut')).toEqual({ kind: 'absent' });
    expect(readdirSync(join(stateDir, 'launches')).filter((entry) => entry.startsWith('.new'))).toEqual([]);
  });

  it('pages through a log, from the start and from the end', async () => {
    const launch = await create('for i in 1 2 3; do echo line-$i; done');
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    const first = await host.log(launch.id, { start: 0, maxBytes: 8 });
    expect(Buffer.from(first.bytes).toString()).toBe('line-1\r\n');
    expect(first.size).toBe(24);
    expect(Buffer.from((await host.log(launch.id, { start: -8, maxBytes: 100 })).bytes).toString()).toBe(
      'line-3\r\n',
    );
  });

  it('returns the bytes before a page, as far as they exist', async () => {
    const launch = await create('for i in 1 2 3; do echo line-$i; done');
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    const look = async (offset: number, before: number) => {
      const chunk = await host.log(launch.id, { start: offset, maxBytes: 4, before });
      return [chunk.before, chunk.bytes].map((bytes) => Buffer.from(bytes).toString());
    };
    expect(await look(8, 3)).toEqual(['1\r\n', 'line']);
    expect(await look(2, 1000)).toEqual(['li', 'ne-1']);
    expect(await look(0, 5)).toEqual(['', 'line']);
    expect(await look(-8, 2)).toEqual(['\r\n', 'line']);
  });

  it('begins a log early enough for a time, and at the beginning of a line', async () => {
    const launch = await create('for i in 1 2 3 4 5; do echo line-$i; done');
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    const begin = async (since: number, notes: string) => {
      writeFileSync(join(stateDir, 'launches', launch.id, 'times'), notes);
      return (await host.log(launch.id, { start: { sinceS: since }, maxBytes: 100 })).offset;
    };
    const notes = '1000 8\n1010 19\n1020 24\n';
    expect(await begin(999, notes)).toBe(0);
    // A note is good for times after its second.
    expect(await begin(1000, notes)).toBe(0);
    expect(await begin(1001, notes)).toBe(8);
    expect(await begin(1015, notes)).toBe(16);
    expect(await begin(1021, notes)).toBe(24);
    // The clock was set back, a note was cut short, others make no sense.
    expect(await begin(1015, '1000 8\n2000 16\n1000 24\n')).toBe(8);
    expect(await begin(1015, '1000 8\n1010 11012 24\nx\n-1 32\n')).toBe(8);
    // Nothing was printed after the end, which has a time of its own.
    const now = Math.ceil(Date.now() / 1000);
    expect(await begin(now + 2, notes)).toBe(40);
    expect(await begin(-3600, '')).toBe(0);
    expect(await begin(-60, `${now - 100} 32\n`)).toBe(32);
    rmSync(join(stateDir, 'launches', launch.id, 'times'));
    expect((await host.log(launch.id, { start: { sinceS: 1001 }, maxBytes: 100 })).offset).toBe(0);
  });

  it('begins a log a number of lines before its end, or at a time if that is later', async () => {
    const launch = await create('for i in 1 2 3 4 5; do echo line-$i; done; printf %0100000d 1');
    await start(launch);
    await host.wait(launch.id, { boundS: 60 });
    const begin = async (start: LogStart) => (await host.log(launch.id, { start, maxBytes: 10 })).offset;
    expect(await begin({ tailLines: 2 })).toBe(32);
    expect(await begin({ tailLines: 100 })).toBe(0);
    writeFileSync(join(stateDir, 'launches', launch.id, 'times'), '1000 16\n1010 32\n1020 100000\n');
    expect(await begin({ tailLines: 4, sinceS: 1015 })).toBe(32);
    expect(await begin({ tailLines: 4, sinceS: 1005 })).toBe(16);
    // The beginning of a very long line is not looked for.
    expect(await begin({ sinceS: 1025 })).toBe(100_000 - 65_536);
    expect(await begin({ tailLines: 0 })).toBe(100_040 - 65_536);
  });

  it('notes how long the log was while a worker waits, in a file that stays small', async () => {
    const launch = await create('echo one; sleep 1; while [ ! -e go ]; do sleep 0.1; done; echo two');
    const notes = join(stateDir, 'launches', launch.id, 'times');
    const old = Array.from({ length: 8000 }, (_, i) => `1${String(i).padStart(6, '0')} 0`);
    writeFileSync(notes, `${old.join('\n')}\n`);
    await start(launch);
    const waited = host.wait(launch.id, { boundS: 60 });
    await expect.poll(() => readFileSync(notes, 'utf8')).toMatch(/ 5\n$/);
    await expect.poll(() => readFileSync(notes).length).toBeLessThan(50_000);
    const [time = ''] = readFileSync(notes, 'utf8').trimEnd().split('\n').at(-1)!.split(' ');
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(300);
    const { offset, bytes } = await host.log(launch.id, {
      start: { sinceS: Number(time) + 1 },
      maxBytes: 100,
    });
    expect([offset, Buffer.from(bytes).toString()]).toEqual([5, '']);
    await host.kill(launch.id, { graceS: 0 });
    await waited;
  });

  it('lends the host to one holder at a time', async () => {
    expect(await host.lease('one')).toEqual({ ours: true, again: false });
    expect(await host.lease('one')).toEqual({ ours: true, again: true });
    expect(await host.lease('two')).toEqual({ ours: false, holder: 'one' });
    await host.release('two');
    expect(await host.lease('two')).toEqual({ ours: false, holder: 'one' });
    expect(await host.lease('two', 'one')).toEqual({ ours: true, again: false });
    await host.release('two');
    expect(await host.lease('three')).toEqual({ ours: true, again: false });
  });

  it('neither launches nor finishes for a run that has lost the lease', async () => {
    const launch = makeLaunch(`run ${process.pid} ${stateDir}`, `step-${(count += 1)}`, 'finalizer', 1);
    launches.push(launch);
    const body = renderLaunchBody(launch, { script: 'exit 7', env: { A: "it's" } });
    const begin = (lease: string) => host.launch(launch.id, body, { lease, secrets: '' });
    const sentinelPath = join(stateDir, 'finished');
    const finish = (content: string) => host.finish('late', { sentinelPath, content, close: [] });
    for (const other of ['three', '']) {
      await expect(begin('late')).rejects.toMatchObject({ code: 'lease-held' });
      await expect(finish('done\n')).rejects.toMatchObject({ code: 'lease-held' });
      await host.release(other);
    }
    expect(await host.state(launch.id)).toEqual({ kind: 'absent' });
    expect(existsSync(sentinelPath)).toBe(false);
    await host.lease('late');
    await begin('late');
    expect(await host.wait(launch.id)).toMatchObject({ kind: 'exited', code: 7 });
    // Repeated after a lost answer, even once the next run has the host.
    expect(await finish('done\n')).toBe('done\n');
    expect(await finish('done\n')).toBe('done\n');
    await host.lease('next');
    expect(await finish('done\n')).toBe('done\n');
    await expect(finish('other\n')).rejects.toMatchObject({ code: 'lease-held' });
    expect(await host.readSentinel(sentinelPath)).toBe('done\n');
    await host.release('next');
  });

  it('finishes again for a run whose first call, of which it lost the answer, is still at work', async () => {
    const sentinelPath = join(stateDir, 'finished-twice');
    const lock = join(stateDir, 'lease.lock');
    await host.lease('twice');
    // Holds the lease as the first call does while it writes the sentinel.
    const first = spawn('flock', [lock, 'sh', '-c', 'echo locked; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(first.stdout, 'data');
    const second = host.finish('twice', { sentinelPath, content: 'done\n', close: [] });
    const waiter = new RegExp(`-> FLOCK .*:${statSync(lock).ino} `);
    await poll(() => waiter.test(readFileSync('/proc/locks', 'utf8')), 'the second call waits for the lease');
    await host.writeSentinel(sentinelPath, 'done\n');
    rmSync(join(stateDir, 'lease'));
    first.stdin.end();
    expect(await second).toBe('done\n');
    expect(await host.lease('next')).toEqual({ ours: true, again: false });
    await host.release('next');
  });

  it('leaves the record to a later launch if it was cancelled before it was created', async () => {
    const place = 'cancelled/step.a';
    const record = { place, digest: 'a'.repeat(20), needs: [], former: '-' };
    const [first, second] = [1, 2].map((attempt) =>
      makeLaunch(`run ${process.pid} ${stateDir}`, `step-${(count += 1)}`, 'finalizer', attempt),
    );
    if (!first || !second) throw new Error('no launches');
    launches.push(first, second);
    const begin = (launch: typeof first, lease: string) =>
      host.launch(launch.id, renderLaunchBody(launch, { script: 'true', env: {} }), {
        lease,
        record,
        secrets: '',
      });
    await host.lease('slow');
    const lock = join(stateDir, 'lease.lock');
    const holding = spawn('flock', [lock, 'sh', '-c', 'echo locked; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holding.stdout, 'data');
    const late = begin(first, 'slow');
    const waiter = new RegExp(`-> FLOCK .*:${statSync(lock).ino} `);
    await poll(() => waiter.test(readFileSync('/proc/locks', 'utf8')), 'the launch waits for the lease');
    await host.kill(first.id, { graceS: 0 });
    await begin(second, '');
    await host.wait(second.id);
    holding.stdin.end();
    expect(await late).toEqual({ kind: 'cancelled' });
    expect(readFileSync(join(stateDir, 'plans', place), 'utf8')).toContain(second.id);
    await host.release('slow');
  });

  it('releases a free host again whose sentinel has the mark, and only then', async () => {
    const sentinelPath = join(stateDir, 'marked');
    const prepare = (holder: string, doneMark: string) =>
      host.prepare(holder, { sentinelPath, plan: 'p', pruneAfterDays: 30, doneMark });
    const holderNow = async () => {
      const answer = await host.lease('probe');
      await host.release('probe');
      return answer.ours ? '' : answer.holder;
    };
    const mark = '"digest":"d1"';
    expect(await prepare('one', mark)).toMatchObject({ records: { pruned: 0 } });
    expect(await holderNow()).toBe('one');
    await host.release('one');
    await host.writeSentinel(sentinelPath, '{"digest":"d1"}\n');
    expect(await prepare('one', mark)).toEqual({
      lease: { ours: true, again: false },
      doneSentinel: '{"digest":"d1"}\n',
    });
    expect(await holderNow()).toBe('');
    for (const other of ['"digest":"d2"', '.digest.:.d1.', '']) {
      expect(await prepare('one', other)).toHaveProperty('records');
      expect(await holderNow()).toBe('one');
      await host.release('one');
    }
    // A part was launched after the sentinel was written.
    const record = join(stateDir, 'plans/p/step.a');
    mkdirSync(join(stateDir, 'plans/p'), { recursive: true });
    writeFileSync(record, 'launch digest\n');
    expect(await prepare('one', mark)).toHaveProperty('records');
    await host.release('one');
    utimesSync(record, new Date(0), new Date(0));
    expect(await prepare('one', mark)).toHaveProperty('doneSentinel');
    // A run that had the lease before may have launches, and another run's lease stays.
    await host.lease('one');
    expect(await prepare('one', mark)).toHaveProperty('records');
    expect(await prepare('two', mark)).toEqual({ lease: { ours: false, holder: 'one' } });
    expect(await holderNow()).toBe('one');
    await host.release('one');
  });

  it('waits for the end of a short launch in the call that starts it', async () => {
    const begin = async (script: string, forS: number) => {
      const launch = makeLaunch(`run ${process.pid} ${stateDir}`, `step-${(count += 1)}`, 'finalizer', 1);
      launches.push(launch);
      const body = renderLaunchBody(launch, { script, env: {} });
      const reports: Progress[] = [];
      const onProgress = (progress: Progress) => void reports.push(progress);
      const options = { secrets: '', forS, onProgress };
      return { launch, reports, state: await host.launch(launch.id, body, options) };
    };
    expect((await begin('exit 7', 2)).state).toMatchObject({ kind: 'exited', code: 7 });
    const slow = await begin('echo almost; sleep 2', 9);
    expect(slow.state).toMatchObject({ kind: 'exited', code: 0 });
    expect(slow.reports).toContainEqual(expect.objectContaining({ lastLine: 'almost' }));
    for (const [script, forS] of [
      ['sleep 7301', 1],
      ['sleep 7302', 0],
    ] as const) {
      const { launch, state } = await begin(script, forS);
      expect(state).toMatchObject({ kind: 'running' });
      await host.kill(launch.id, { graceS: 0 });
    }
  });

  it('writes a sentinel whole, and creates its directories', async () => {
    const path = join(stateDir, 'deep/er', "it's here");
    expect(await host.readSentinel(path)).toBeUndefined();
    expect(await host.writeSentinel(path, '{"a": "ž"}\n')).toBe('{"a": "ž"}\n');
    expect(await host.readSentinel(path)).toBe('{"a": "ž"}\n');
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  it('prunes old launches, but no living one', async () => {
    const old = await create('true');
    const alive = await create('sleep 7201');
    await start(old);
    await host.wait(old.id, { boundS: 60 });
    await start(alive);
    const longAgo = new Date(Date.now() - 10 * 86_400_000);
    for (const launch of [old, alive]) utimesSync(dirOf(launch), longAgo, longAgo);
    await host.prune(5);
    expect(await host.state(old.id)).toEqual({ kind: 'absent' });
    expect(await host.state(alive.id)).toMatchObject({ kind: 'running' });
    await host.kill(alive.id, { graceS: 0 });
  });

  describe('E2', () => {
    const longAgo = new Date(Date.now() - 10 * 86_400_000);
    /** Launches of other runs that ended a while ago. */
    const makeLaunches = (prefix: string, count: number, changed: Date) =>
      Array.from({ length: count }, (_, i) => {
        const dir = join(stateDir, 'launches', `${prefix}-${i}`);
        mkdirSync(dir);
        writeFileSync(join(dir, 'lock'), '');
        utimesSync(dir, changed, changed);
        return dir;
      });
    /** What a prune executes, by name. */
    const programsOfPrune = async (days: number) => {
      const dir = mkdtempSync(join(tmpdir(), 'chandler-counted-'));
      const record = join(dir, 'record');
      writeFileSync(record, '');
      for (const tool of ['find', 'flock', 'grep', 'cat', 'awk', 'sed', 'tr', 'rm', 'mv']) {
        const real = execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
        writeFileSync(join(dir, tool), `#!/bin/sh\necho ${tool} >>'${record}'\nexec ${real} "$@"\n`, {
          mode: 0o755,
        });
      }
      vi.stubEnv('PATH', `${dir}:${process.env['PATH']}`);
      try {
        await host.prune(days);
      } finally {
        vi.unstubAllEnvs();
      }
      const ran = readFileSync(record, 'utf8').split('\n');
      rmSync(dir, { recursive: true });
      // Those of a pipeline start in any order.
      return ran.toSorted().join(' ');
    };

    it('a prune runs as many commands with 80 launches that stay as with none', async () => {
      const before = await programsOfPrune(30);
      const kept = makeLaunches('kept', 80, longAgo);
      expect(await programsOfPrune(30)).toBe(before);
      expect(kept.every((dir) => existsSync(dir))).toBe(true);
      for (const dir of kept) rmSync(dir, { recursive: true });
    });

    it('a prune executes the same with 80 launches that were left half made', async () => {
      const before = await programsOfPrune(30);
      const kept = makeLaunches('.new', 80, longAgo);
      expect(await programsOfPrune(30)).toBe(before);
      expect(await host.prune(5)).toBe(80);
      expect(kept.some((dir) => existsSync(dir))).toBe(false);
    });

    it('a prune executes the same with 80 launches that go as with one, and survivors stay', async () => {
      const makeEnded = (prefix: string, count: number) =>
        makeLaunches(prefix, count, longAgo).map((dir) => {
          writeFileSync(join(dir, 'exit'), 'code=0\n');
          utimesSync(dir, longAgo, longAgo);
          return dir;
        });
      const [living = ''] = makeEnded('living', 1);
      const env = { PATH: process.env['PATH'], CHANDLER_LAUNCH: 'living-0' };
      const survivor = spawn('sleep', ['60'], { env, stdio: 'ignore' });
      try {
        const one = makeEnded('one', 1);
        const before = await programsOfPrune(5);
        const many = makeEnded('ended', 80);
        expect(await programsOfPrune(5)).toBe(before);
        expect([...one, ...many].some((dir) => existsSync(dir))).toBe(false);
        expect(existsSync(living)).toBe(true);
      } finally {
        survivor.kill('SIGKILL');
      }
      rmSync(living, { recursive: true });
    });

    it('a prune removes a bounded number, and the next one removes more', async () => {
      makeLaunches('many', 230, longAgo);
      expect([await host.prune(5), await host.prune(5), await host.prune(5)]).toEqual([200, 30, 0]);
    });
  });

  it('installs its program again when it was removed', async () => {
    rmSync(join(stateDir, 'bin', programs.host.name));
    expect(await host.state('absent')).toEqual({ kind: 'absent' });
  });

  it('reports a check by its exit code', async () => {
    expect(await host.check('c', 'exit 0', { boundS: 5 })).toBe(0);
    expect(await host.check('c', 'exit 3', { boundS: 5 })).toBe(3);
    // busybox tells its own TERM.
    expect([124, 143]).toContain(await host.check('c', 'exec sleep 7394', { boundS: 1 }));
  });

  it('kill also ends the check of a launch and every process that it started', async () => {
    // Other test runs on this machine have theirs, and a kill finds a launch by its id.
    const id = `checked-${name}-${own}`;
    const checking = host.check(id, `TOKEN=hunter2; setsid sleep 7395.${own} & exec sleep 7395.${own}`, {
      boundS: 30,
    });
    await expect.poll(() => sleepers('7395').length).toBe(2);
    expect(await host.kill(id, { graceS: 1 })).toMatchObject({ left: 0 });
    expect(await checking).toBe(143);
    expect(sleepers('7395')).toEqual([]);
  });
});

/** The command lines of this test's `sleep` processes whose argument begins with `prefix`. */
function sleepers(prefix: string): string[] {
  return execFileSync('ps', ['axo', 'args'])
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(`sleep ${prefix}`) && line.trimEnd().endsWith(`.${own}`));
}
