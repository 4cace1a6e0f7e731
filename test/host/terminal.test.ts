import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { exports, renderSecrets } from '../../src/host/launch-body.ts';
import { poll } from '../support/poll.ts';

const SUPERVISOR = fileURLToPath(new URL('../../src/host/programs/supervise.sh', import.meta.url));
/** bash is the one that runs as `sh`. */
const SHELLS = ['dash', 'bash --posix -p', 'busybox sh'] as const;
/** On a machine that is busy with other things. */
const PATIENCE_MS = 60_000;

/** What a supervisor has recorded. */
type Ending = Readonly<Record<string, string>>;

/** A launch in a tmux session of its own, with a login shell in it, as zmx makes one. */
class Session {
  readonly dir = mkdtempSync(join(tmpdir(), 'chandler-terminal-'));
  readonly launch = join(this.dir, `launch-${process.pid}`);
  readonly secretsPath = join(this.dir, 'secrets', `launch-${process.pid}`);
  readonly #shell: string;

  constructor(shell: string, script: string, secrets = '') {
    this.#shell = shell;
    const { launch } = this;
    for (const path of [launch, join(this.dir, 'secrets')]) mkdirSync(path);
    const files = {
      settings: 'step=a\nattempt=1\nlinger=0\nmask=022\nlocale=\n',
      env: '',
      lock: '',
      log: '',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(launch, name), text);
    writeFileSync(join(launch, 'script'), `${script}\n`, { mode: 0o700 });
    if (secrets !== '') writeFileSync(this.secretsPath, secrets);
  }

  /** Runs the supervisor of the launch. */
  get command(): string {
    return `${this.#shell} ${SUPERVISOR} ${this.launch} ${this.secretsPath}`;
  }

  tmux(...args: string[]): string {
    return spawnSync('tmux', ['-f', '/dev/null', '-S', join(this.dir, 'tmux'), ...args], {
      encoding: 'utf8',
      // Without a history: the shell would write it while the directory is removed.
      env: { ...process.env, HOME: this.dir, HISTFILE: '' },
    }).stdout;
  }
  start(): void {
    this.tmux('new-session', '-d', '-s', 's', 'exec bash --norc');
    this.type(this.command);
  }
  type(line: string): void {
    this.tmux('send-keys', '-t', 's', line, 'Enter');
  }
  /** Without a session. */
  runDirectly(env: NodeJS.ProcessEnv = process.env): number | null {
    const [program = '', ...args] = this.command.split(' ');
    return spawnSync(program, args, { stdio: 'ignore', timeout: PATIENCE_MS, env }).status;
  }
  printed(text: string): Promise<unknown> {
    return poll(
      () => this.log.includes(text),
      text,
      () => this.log,
      PATIENCE_MS,
    );
  }
  get log(): string {
    return readFileSync(join(this.launch, 'log'), 'utf8');
  }
  /** Ends the processes of this launch whose command line begins so: those of the step and those around it. */
  kill(begin: string): void {
    const found = this.find(begin);
    expect(found.length).toBeGreaterThan(0);
    for (const each of found) process.kill(each, 'SIGKILL');
  }
  find(begin: string): number[] {
    const { pid } = parse(readFileSync(join(this.launch, 'started'), 'utf8'));
    return descendants(Number(pid)).filter((each) => commandOf(each).startsWith(begin));
  }
  killServer(): void {
    process.kill(Number(this.tmux('display-message', '-p', '#{pid}')), 'SIGKILL');
  }
  /** Lets the step end, a while after what was done to it: that is to be noticed first. */
  async letEnd(): Promise<void> {
    await setTimeout(1000);
    writeFileSync(join(this.launch, 'go'), '');
  }
  /** Its record, once its lock is free. */
  async end(): Promise<Ending | undefined> {
    await poll(
      () => spawnSync('flock', ['-n', join(this.launch, 'lock'), 'true']).status === 0,
      'the end',
      undefined,
      PATIENCE_MS,
    );
    const path = join(this.launch, 'exit');
    if (!existsSync(path)) return undefined;
    const record = parse(readFileSync(path, 'utf8'));
    return { ...record, hup: Buffer.from(record['hup'] ?? '', 'base64').toString() };
  }
  remove(): void {
    this.tmux('kill-server');
    rmSync(this.dir, { recursive: true, maxRetries: 5 });
  }
}

const parse = (text: string): Record<string, string> =>
  Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
/** A file of the process; empty if that has ended. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
const commandOf = (pid: number) => readProc(pid, 'cmdline').replaceAll('\0', ' ');
function descendants(pid: number): number[] {
  const children = readProc(pid, `task/${pid}/children`).split(' ').filter(Boolean);
  return children.map(Number).flatMap((child) => [child, ...descendants(child)]);
}
/** Live processes with exactly this command line. */
const alive = (command: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandOf(pid).trim() === command);
/** Seconds that no other test sleeps for. */
let seconds = process.pid * 100;
const aSleep = () => `sleep ${(seconds += 1)}`;

describe.each(SHELLS)('a step whose terminal goes away, supervised by %s', (shell) => {
  const sessions: Session[] = [];
  const open = (script: string, secrets?: string) => {
    const session = new Session(shell, script, secrets);
    sessions.push(session);
    return session;
  };
  afterAll(() => {
    for (const session of sessions) session.remove();
  });
  /** Ends once it is allowed to. */
  const SCRIPT = 'echo begun; until [ -e "${0%/*}/go" ]; do sleep 0.1; done; echo finished; exit 3';
  const WHOLE = 'begun\r\nfinished\r\n';

  it.each([
    ['B1: the server of the session is killed', (session: Session) => session.killServer()],
    ['B1: the session is ended', (session: Session) => void session.tmux('kill-server')],
    ['the shell of the session is killed', (session: Session) => void session.tmux('kill-pane')],
  ])('keeps its code and its log, and notes the time: %s', async (_, hit) => {
    const session = open(SCRIPT);
    session.start();
    await session.printed('begun');
    const before = Math.floor(Date.now() / 1000);
    hit(session);
    await session.letEnd();
    const end = await session.end();
    expect(end).toMatchObject({ code: '3', by: 'itself', log: 'whole' });
    expect(session.log).toBe(WHOLE);
    expect(Number(end?.['lost'])).toBeGreaterThanOrEqual(before);
    expect(Number(end?.['lost'])).toBeLessThanOrEqual(Number(end?.['at']));
  });

  it('B1: runs to its own end when `script` is killed, which costs the rest of its output', async () => {
    const session = open(SCRIPT);
    session.start();
    await session.printed('begun');
    session.kill('script ');
    await session.letEnd();
    expect(await session.end()).toMatchObject({ code: '3', by: 'itself', log: 'cut' });
    expect(Number((await session.end())?.['lost'])).toBeGreaterThan(0);
    // The terminal of the session is as it was: what is typed is echoed, a line at a time.
    session.type('stty -a | tr " " "\\n" | grep -xE -- "-?(icanon|echo)"');
    await poll(
      () => /^icanon\necho$/m.test(session.tmux('capture-pane', '-p', '-t', 's')),
      'a sane terminal',
      () => session.tmux('capture-pane', '-p', '-t', 's'),
    );
  });

  it('keeps its code and its log when `tee` is killed', async () => {
    const session = open(SCRIPT);
    session.start();
    await session.printed('begun');
    session.kill('tee ');
    await session.letEnd();
    expect(await session.end()).toMatchObject({ code: '3', log: 'whole', lost: '' });
    expect(session.log).toBe(WHOLE);
  });

  // busybox runs its own awk and dd in copies of itself.
  it.each(shell.startsWith('busybox') ? ['tee '] : ['tee ', 'awk ', 'dd '])(
    'keeps secrets masked when %s is killed',
    async (copier) => {
      const session = open(SCRIPT, renderSecrets({ SECRET: 'finished' }));
      session.start();
      await session.printed('begun');
      await poll(() => session.find(copier).length > 0, copier, undefined, PATIENCE_MS);
      session.kill(copier);
      await session.letEnd();
      expect(await session.end()).toMatchObject({ code: '3', log: 'whole' });
      expect(session.log).toBe('begun\r\n***\r\n');
    },
  );

  it('has no record when the shell that leads its session is killed', async () => {
    const command = aSleep();
    const session = open(`trap '' HUP; echo begun; exec ${command}`);
    try {
      session.start();
      await session.printed('begun');
      session.kill('/bin/sh -c read -r CHANDLER_LINE');
      expect(await session.end()).toBeUndefined();
    } finally {
      for (const pid of alive(command)) process.kill(pid, 'SIGKILL');
    }
  });

  it.each(['TERM', 'INT'])(
    'has no record when SIG%s ends `script`, which kills that shell',
    async (signal) => {
      const command = aSleep();
      const session = open(`trap '' HUP TERM INT; echo begun; ${command}; exit 3`);
      try {
        session.start();
        await session.printed('begun');
        for (const pid of session.find('script ')) process.kill(pid, `SIG${signal}`);
        expect(await session.end()).toBeUndefined();
      } finally {
        for (const pid of alive(command)) process.kill(pid, 'SIGKILL');
      }
    },
  );

  it('keeps its code, but not all of its log, when a signal ends `script` shortly before its end', async () => {
    const session = open(SCRIPT);
    session.start();
    await session.printed('begun');
    for (const pid of session.find('script ')) process.kill(pid, 'SIGTERM');
    writeFileSync(join(session.launch, 'go'), '');
    expect(await session.end()).toMatchObject({ code: '3', by: 'itself', log: 'cut' });
  });

  it.each(['C-c', 'C-\\', 'C-z'])('outlives %s on a host without `script`', async (key) => {
    const session = open(SCRIPT);
    appendFileSync(join(session.launch, 'settings'), 'pty=no\n');
    session.start();
    await session.printed('begun');
    session.tmux('send-keys', '-t', 's', key);
    await session.letEnd();
    expect(await session.end()).toMatchObject({ code: '3', log: 'whole', lost: '' });
    expect(session.log).toBe('begun\nfinished\n');
  });

  it('outlives a SIGQUIT to its supervisor', async () => {
    const session = open('kill -QUIT $(sed -n s/^pid=//p "${0%/*}/started"); sleep 0.2; echo still; exit 3');
    session.runDirectly();
    expect(await session.end()).toMatchObject({ code: '3', log: 'whole' });
    expect(session.log).toBe('still\r\n');
  });

  it('prints nothing into the log of a step whose supervisor is killed', async () => {
    const session = open(SCRIPT);
    session.start();
    await session.printed('begun');
    const supervisor = /^pid=(\d+)$/m.exec(readFileSync(join(session.launch, 'started'), 'utf8'))?.[1];
    process.kill(Number(supervisor), 'SIGKILL');
    await session.letEnd();
    await session.printed('finished');
    await setTimeout(500);
    expect(session.log).toBe('begun\r\nfinished\r\n');
  });

  it('lost-terminal-log: ends the server of its own session, and its log is whole', async () => {
    const session = open('kill -9 $SERVER; sleep 0.5; echo still');
    session.tmux('new-session', '-d', '-s', 's', 'exec bash --norc');
    const server = session.tmux('display-message', '-p', '#{pid}').trim();
    writeFileSync(join(session.launch, 'env'), `SERVER=${server}\n`);
    session.type(session.command);
    await poll(() => existsSync(join(session.launch, 'started')), 'the start', undefined, PATIENCE_MS);
    expect(await session.end()).toMatchObject({ code: '0', log: 'whole' });
    expect(session.log).toBe('still\r\n');
    expect(Number((await session.end())?.['lost'])).toBeGreaterThan(0);
  });

  it('marks a log as incomplete if it could not be written, also with its terminal gone', async () => {
    const session = open('echo begun; sleep 1; head -c 300000 /dev/zero | tr "\\0" x; exit 3');
    session.tmux('new-session', '-d', '-s', 's', 'exec bash --norc');
    // What is written beyond is as on a full disk for `tee`, which ends by the signal or fails.
    session.type(`ulimit -f 100; ${session.command}`);
    await session.printed('begun');
    session.killServer();
    expect(await session.end()).toMatchObject({ code: '3', log: 'cut' });
  });

  it('B6: has nothing of the session in its environment', async () => {
    const session = open('env');
    session.tmux('new-session', '-d', '-s', 's', 'exec bash --norc');
    session.type(`ZMX_SESSION=a ZMX_SESSION_PREFIX=b ZMX_DIR=c TMUX=d TMUX_PANE=e ${session.command}`);
    await poll(() => existsSync(join(session.launch, 'started')), 'the start', undefined, PATIENCE_MS);
    expect(await session.end()).toMatchObject({ code: '0' });
    expect(session.log).toContain('CHANDLER_STEP=a');
    expect(session.log).not.toMatch(/^(ZMX_|TMUX(_PANE)?=)/m);
    expect(session.log).not.toMatch(/^CHANDLER_(ID|GATE|SCRIPT|SHELL|LINE)=/m);
  });

  it('B6: keeps what its plan sets', async () => {
    const session = open('echo "$ZMX_DIR"');
    writeFileSync(join(session.launch, 'env'), 'ZMX_DIR=/mine\n');
    session.runDirectly({ ...process.env, ZMX_DIR: '/ours' });
    await session.end();
    expect(session.log).toBe('/mine\r\n');
  });

  it('runs although its shell does not accept some names of its variables', async () => {
    const session = open('echo "$BEFORE $AFTER"');
    const env = { BEFORE: '1', UID: '7', PPID: '8', RANDOM: 'a b', BASHOPTS: 'x', IFS: 'y', AFTER: '2' };
    writeFileSync(join(session.launch, 'env'), exports(env));
    session.runDirectly();
    expect(await session.end()).toMatchObject({ code: '0' });
    expect(session.log).toBe('1 2\r\n');
  });

  it('runs although its shell does not accept some names of its secrets', async () => {
    const session = open('test "$AFTER" = secret2', renderSecrets({ EUID: 'secret1', AFTER: 'secret2' }));
    session.runDirectly();
    expect(await session.end()).toMatchObject({ code: '0' });
  });

  it.each(['kill -TERM 0', 'kill -INT 0', 'kill -HUP 0', 'kill -USR1 0'])(
    'records a script that `%s` ends, with all of its process group',
    async (suicide) => {
      const session = open(suicide);
      session.runDirectly();
      expect(Number((await session.end())?.['code'])).toBeGreaterThan(128);
    },
  );
});

describe.each(SHELLS)('what a step leaves in the background, supervised by %s', (shell) => {
  const run = async (script: string, secrets?: string) => {
    const session = new Session(shell, script, secrets);
    try {
      session.runDirectly();
      return await session.end();
    } finally {
      session.remove();
    }
  };
  // The race would be one of /bin/sh, whichever shell supervises.
  const times = shell === 'dash' ? 20 : 3;
  const endSleeps = (command: string) => {
    for (const pid of alive(command)) process.kill(pid, 'SIGKILL');
  };

  it.each([
    ['nohup', (sleep: string) => `nohup ${sleep} >/dev/null 2>&1 &`],
    ['setsid', (sleep: string) => `setsid ${sleep} &`],
    ['a subshell with nohup', (sleep: string) => `(nohup ${sleep} >/dev/null 2>&1 &)`],
    ['a subshell with setsid', (sleep: string) => `(setsid ${sleep} &)`],
    ['a shell that becomes nohup', (sleep: string) => `sh -c 'exec nohup ${sleep}' >/dev/null 2>&1 &`],
  ])('bg-killed: lives on if it is started with %s as the last line, each time', async (_, form) => {
    const command = aSleep();
    try {
      for (let i = 0; i < times; i += 1)
        expect(await run(form(command))).toMatchObject({ code: '0', hup: '' });
      await poll(
        () => alive(command).length === times,
        'all of them',
        () => String(alive(command).length),
      );
      // Not one more, also a moment later.
      await setTimeout(200);
      expect(alive(command)).toHaveLength(times);
    } finally {
      endSleeps(command);
    }
  });

  it.each([
    ['cmd &', (sleep: string) => `${sleep} &`],
    ['cmd & and another command', (sleep: string) => `${sleep} & sleep 0.1`],
    ['(cmd &)', (sleep: string) => `(${sleep} &)`],
    ['disown', (sleep: string) => `${sleep} & disown`],
  ])('bg-killed: ends with the terminal and is reported: %s', async (_, form) => {
    const command = aSleep();
    const end = await run(form(command));
    expect(end).toMatchObject({ code: '0' });
    expect(end?.['hup']?.trim()).toBe(command);
    await poll(() => alive(command).length === 0, 'its end');
  });

  it('is reported without the secrets of its command line', async () => {
    const command = aSleep();
    const end = await run(`${command} &`, renderSecrets({ SECRET: command.slice(6) }));
    expect(end?.['hup']?.trim()).toBe('sleep ***');
  });

  it('is not waited for if it stays busy', async () => {
    const end = await run('while :; do :; done &');
    expect(end).toMatchObject({ code: '0' });
    expect(end?.['hup']).toContain('script');
  });
});

describe.each(SHELLS)('a step that changes its own records, supervised by %s', (shell) => {
  it.each([
    ['A6: a directory `exit`', 'mkdir exit'],
    ['A6: a directory `.exit`', 'rm .exit; mkdir .exit'],
    ['a FIFO `exit` and none of the room for it', 'rm .exit; mkfifo exit'],
    ['a FIFO `.exit`', 'rm .exit; mkfifo .exit'],
    ['a FIFO `log`', 'rm log; mkfifo log'],
    ['no directory at all', 'rm -r "$PWD"'],
  ])('ends without a record: %s', (_, act) => {
    const session = new Session(shell, `cd "\${0%/*}"; ${act}`);
    try {
      expect(session.runDirectly()).toBe(0);
      expect(existsSync(session.launch)).toBe(!act.startsWith('rm -r'));
      expect(spawnSync('test', ['-f', join(session.launch, 'exit')]).status).toBe(1);
    } finally {
      session.remove();
    }
  });
});
