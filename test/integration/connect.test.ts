import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Target } from '../../src/domain/plan/schema.ts';
import { quote } from '../../src/shell/index.ts';
import { canRunHere, chandlerHere } from '../support/chandler-here.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let stack: Stack;
let gate: TestHost;
let target: Target;
/** A run with a succeeded step, a failed one, and one that runs until the file `go` exists. */
let id: string;
/** The file that receives notifications. */
let notifications: string;

beforeAll(async () => {
  [stack, gate] = await Promise.all([startStack({ workers: 0 }), startHost()]);
  notifications = join(stack.secretsDir, 'notifications');
  await stack.startWorker({
    CHANDLER_NOTIFY_COMMAND: `echo "$CHANDLER_EVENT $CHANDLER_STEP: $CHANDLER_TEXT" >>${notifications}`,
  });
  await copyFile(gate.identity, join(stack.secretsDir, 'id_gate'));
  await addSecret(stack, 'TOKEN', 'hunter2-is-secret');
  const jump = { host: gate.host, port: gate.port, identity: 'id_gate', hostKey: gate.hostKey };
  target = stack.target({ jump: [jump] });
  id = await stack.start({
    target,
    steps: [
      { name: 'good', script: 'echo fine', finalize: 'echo finalized' },
      { name: 'bad', script: 'echo trouble; exit 3' },
      {
        name: 'long',
        secrets: { TOKEN: 'file:TOKEN' },
        script:
          'echo "token $TOKEN"; i=0; until [ -e /root/go ]; do i=$((i + 1)); echo "tick $i"; sleep 0.2; done; exit 4',
      },
      {
        name: 'twice',
        retry: { attempts: 2, backoff: '1s' },
        script:
          'echo "try $CHANDLER_ATTEMPT"; until [ -e "/root/try-$CHANDLER_ATTEMPT" ]; do sleep 0.1; done; [ "$CHANDLER_ATTEMPT" = 2 ]',
      },
    ],
  });
  await stack.until(
    id,
    ({ steps }) =>
      steps[0]?.state === 'succeeded' && steps[1]?.state === 'parked' && steps[2]?.state === 'running',
    'one step has succeeded, one has failed, one runs',
  );
});
afterAll(async () => {
  await stack.stop();
  await gate.stop();
});

const environment = () => ({
  PATH: process.env['PATH'] ?? '',
  HOME: stack.secretsDir,
  LANG: 'C.UTF-8',
  TEMPORAL_ADDRESS: stack.address,
  CHANDLER_TASK_QUEUE: stack.taskQueue,
  CHANDLER_IDENTITIES: stack.secretsDir,
});

/** Runs the CLI, in its own process if that matters. `on` receives everything printed so far. */
async function chandler(
  args: readonly string[],
  options: { env?: Record<string, string>; on?: (stdout: string, end: () => void) => void } = {},
) {
  const env = { ...environment(), ...options.env };
  if (!options.on && canRunHere(args)) return chandlerHere(args, { home: stack.secretsDir, env });
  const child = spawn(process.execPath, [cli, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
    options.on?.(output.stdout, () => child.kill('SIGINT'));
  });
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exitCode = await new Promise((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  return { exitCode, ...output };
}

/** The command line for a shell. */
const command = (...args: string[]) => ['node', cli, ...args].map((word) => quote(word)).join(' ');

/** A terminal with a shell in it. */
class Terminal {
  readonly #socket = `chandler-connect-${randomUUID()}`;

  constructor(env: Record<string, string> = {}) {
    const variables = Object.entries({ ...environment(), TERM: 'xterm', PS1: 'here$ ', ...env });
    const shell = ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`), 'sh'];
    this.#tmux('new-session', '-d', '-x', '150', '-y', '50', ...shell);
  }
  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-f', '/dev/null', '-L', this.#socket, ...args], { encoding: 'utf8' });
  }
  screen(): string {
    return this.#tmux('capture-pane', '-p', '-J').replaceAll(/ +$/gm, '');
  }
  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
    this.press('Enter');
  }
  press(key: string): void {
    this.#tmux('send-keys', key);
  }
  async shows(pattern: RegExp): Promise<void> {
    await poll(
      () => pattern.test(this.screen()),
      `the terminal shows ${String(pattern)}`,
      () => this.screen(),
    );
  }
  close(): void {
    this.#tmux('kill-server');
  }
}

/** Installs a package that asks a question in the terminal that apt creates for dpkg. */
const PACKAGE = `cd /root && mkdir -p asking/DEBIAN
printf 'Package: asking\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: asks\n' >asking/DEBIAN/control
printf '#!/bin/sh\nprintf "Really? "; read answer </dev/tty; echo "answered $answer"\n' >asking/DEBIAN/postinst
chmod 755 asking/DEBIAN/postinst
dpkg-deb --build asking asking.deb
apt-get install -y ./asking.deb`;

describe('a step that waits for input', () => {
  it('appears in every view and in notifications, continues with the typed input, and waits again at the prompt of a package', async () => {
    // The target of the other run is taken.
    const run = await stack.start({
      target: { host: gate.host, port: gate.port, user: 'root', identity: 'id_gate', hostKey: gate.hostKey },
      name: 'asking',
      steps: [{ name: 'asks', script: `read -rp "Colour? " colour; echo "chose $colour"\n${PACKAGE}` }],
    });
    const input = async () => (await stack.client.status(run)).steps[0]?.input;
    const prompt = (lastLine: string) => poll(async () => (await input())?.lastLine === lastLine, lastLine);
    const terminal = new Terminal();
    const type = async (text: string, shown: RegExp) => {
      terminal.type(`clear; ${command('attach', run, 'asks')}; echo "exit=$?"`);
      await terminal.shows(shown);
      terminal.type(text);
    };
    try {
      await prompt('Colour?');
      const { stdout } = await chandler(['status', run]);
      expect(stdout).toContain('waiting for input: Colour?');
      expect(stdout).toContain(
        `asks is waiting for input: Colour?\n  Type it        chandler attach ${run} asks`,
      );
      const { attach = '' } = (await input()) ?? {};
      expect(attach).toMatch(/^ssh -t .* attach asks/);
      const follow = (...args: string[]) =>
        chandler(args, { on: (text, end) => text.includes('Colour?') && setTimeout(end, 5000) });
      const [lines, json, log] = await Promise.all([
        follow('watch', run),
        follow('status', run, '--watch', '--json'),
        follow('logs', run, 'asks', '-f'),
      ]);
      expect(lines.stdout).toContain(`asks is waiting for input: Colour?; type it with: ${attach}`);
      expect(json.stdout.split('\n').filter((line) => line.includes('"waiting"'))).toEqual([
        expect.stringContaining('"waitingFor":"input: Colour?"'),
      ]);
      expect(log.stderr).toContain(`asks: waiting for input: Colour?; type it with: ${attach}`);

      await type('blue', /Colour\?/);
      await prompt('Really?');
      terminal.press('C-\\');
      await terminal.shows(/exit=0/);
      await type('yes', /Really\?/);
      await stack.until(run, ({ steps }) => steps[0]?.state === 'succeeded', 'asks is done');
      expect(await input()).toBeUndefined();
      const { text } = await stack.client.readLog(run, 'asks');
      expect(text).toMatch(/chose blue[^]*answered yes/);
      const waits = (await readFile(notifications, 'utf8'))
        .split('\n')
        .filter((line) => line.startsWith('waiting asks: '));
      expect(waits).toEqual([
        expect.stringContaining('asks is waiting for input: Colour?'),
        expect.stringContaining('asks is waiting for input: Really?'),
      ]);
    } finally {
      terminal.close();
    }
  });
});

describe('chandler attach', () => {
  it('opens the terminal of a running step, and the shell in the terminal of a failed one', async () => {
    const terminal = new Terminal();
    try {
      terminal.type(`${command('attach', id, 'long')}; echo "exit=$?"`);
      await terminal.shows(/tick \d+\n[^]*tick \d+/);
      terminal.press('C-\\');
      await terminal.shows(/exit=0/);
      const { steps } = await stack.client.status(id);
      expect(steps[2]?.state).toBe('running');

      terminal.type(`clear; ${command('attach', id, 'bad')}; echo "exit=$?"`);
      await terminal.shows(/trouble\n[^]*#$/m);
      terminal.type('echo "typed $((40 + 2))" | tee /root/typed');
      await terminal.shows(/^typed 42$/m);
      expect(await stack.onHost('cat /root/typed')).toBe('typed 42\n');
      terminal.press('C-\\');
      await terminal.shows(/exit=0/);
    } finally {
      terminal.close();
    }
  });

  it('prints an equivalent command for other terminals', async () => {
    const { exitCode, stdout, stderr } = await chandler(['attach', id, 'bad', '--print']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^env SHELL=\/bin\/sh ssh [^\n]+\n$/);
    const file = join(stack.secretsDir, 'printed');
    await writeFile(file, stdout);
    // The local zmx session must not affect the host.
    const terminal = new Terminal({ ZMX_SESSION: 'bad', SHELL: '/nowhere' });
    try {
      terminal.type(`. ${quote(file)}; echo "exit=$?"`);
      await terminal.shows(/trouble/);
      terminal.press('C-\\');
      await terminal.shows(/exit=0/);
    } finally {
      terminal.close();
    }
  });

  it('requires a terminal, which must not be that of the session itself', async () => {
    expect(await chandler(['attach', id, 'bad'])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'attach needs a terminal; --print prints the command for one\n',
    });
    const terminal = new Terminal({ ZMX_SESSION: 'bad' });
    try {
      terminal.type(`${command('attach', id, 'bad')}; echo "exit=$?"`);
      await terminal.shows(/this terminal is in a session bad already[^]*exit=2/);
    } finally {
      terminal.close();
    }
  });

  it('creates no session in place of an ended one, and suggests alternatives', async () => {
    const { attach = '' } = await stack.client.status(id);
    const [, dir = '', zmx = ''] = / env ZMX_DIR=(\S+) (\S+) attach NAME$/.exec(attach) ?? [];
    const terminal = new Terminal();
    try {
      await stack.onHost(`ZMX_DIR=${quote(dir)} ${quote(zmx)} kill bad`);
      terminal.type(`${command('attach', id, 'bad')}; echo "exit=$?"`);
      await terminal.shows(
        new RegExp(`Its log +chandler logs ${id} bad[^]*A shell there chandler ssh ${id}[^]*exit=1`),
      );
      expect(await stack.onHost(`ZMX_DIR=${quote(dir)} ${quote(zmx)} list --short`)).toBe(
        'good\nlong\ntwice\n',
      );
    } finally {
      terminal.close();
    }
  });
});

describe('chandler ssh', () => {
  it('runs a command on the host and exits with its code', async () => {
    const { exitCode, stdout } = await chandler([
      'ssh',
      id,
      '--',
      'echo "$SSH_CONNECTION" | wc -w;',
      'exit',
      '7',
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: '4\n' });
  });

  it("offers other keys if the plan's identity is not on this machine", async () => {
    const env = { CHANDLER_IDENTITIES: join(stack.secretsDir, 'none') };
    const outcome = await chandler(['ssh', id, '--', 'true'], { env: { ...env, SSH_AUTH_SOCK: '/nowhere' } });
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toContain("offering the agent's keys and the default ones instead");
    expect(outcome.stderr).toContain(`ssh could not connect to ${stack.host.host}`);
    const none = await chandler(['ssh', id, '--', 'true'], { env });
    expect(none).toMatchObject({ exitCode: 1, stdout: '' });
    expect(none.stderr).toContain('(identity-unavailable)');
  });
});

it('C7: every reading command opens an older run by its run id', async () => {
  const on = { host: gate.host, port: gate.port, identity: 'id_gate', hostKey: gate.hostKey };
  const older = 'test:older';
  const provision = async (name: string, ...steps: string[]) => {
    await stack.start(
      {
        name,
        target: on,
        keepSessions: 'all',
        steps: steps.map((step) => ({ name: step, script: `echo ${name}` })),
      },
      older,
    );
    expect((await stack.client.result(older)).outcome).toBe('provisioned');
    return (await stack.client.temporal.workflow.getHandle(older).describe()).runId;
  };
  const first = await provision('first', 'says', 'kept');
  await provision('second', 'says');
  const ofFirst = ['--run-id', first];
  const [log, latestLog, watched, attach, latestAttach, ssh] = await Promise.all([
    chandler(['logs', older, 'says', ...ofFirst]),
    chandler(['logs', older, 'says']),
    chandler(['watch', older, ...ofFirst]),
    chandler(['attach', older, 'kept', '--print', ...ofFirst]),
    chandler(['attach', older, 'kept', '--print']),
    chandler(['ssh', older, '--print', ...ofFirst]),
  ]);
  expect([log.stdout, latestLog.stdout]).toEqual(['first\n', 'second\n']);
  expect(watched).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/\bkept\b/) as string });
  expect(attach).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(' kept ') as string });
  expect(latestAttach.exitCode).not.toBe(0);
  expect(latestAttach.stderr).toContain('kept');
  expect(ssh).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`-p ${gate.port}`) as string });
});

describe('chandler logs', () => {
  it('follows a running step, and leaves nothing behind after Ctrl-C', async () => {
    const { exitCode, stdout } = await chandler(['logs', id, 'long', '-f', '--tail', '3'], {
      on: (shown, end) => shown.split('\n').length > 12 && end(),
    });
    expect(exitCode).toBe(130);
    expect(stdout).not.toContain('token');
    const ticks = [...stdout.matchAll(/^tick (\d+)$/gm)].map(([, tick]) => Number(tick));
    expect(ticks.length).toBeGreaterThan(9);
    // Every line once and in order, across pages.
    expect(ticks).toEqual(ticks.map((_, i) => (ticks[0] ?? 0) + i));

    const query = "WorkflowType = 'readStepLog' AND ExecutionStatus = 'Running'";
    const open = async () => {
      const ids: string[] = [];
      for await (const { workflowId, taskQueue } of stack.client.temporal.workflow.list({ query }))
        if (taskQueue === stack.taskQueue) ids.push(workflowId);
      return ids;
    };
    await poll(async () => (await open()).length === 0, 'no workflow that reads the log is open');
    const reading = "ps -eo args | grep -c '[h]ost-[0-9a-f]* .* log ' || true";
    await poll(
      async () => (await stack.onHost(reading)).trim() === '0',
      'no program that reads the log is left',
    );
  });

  it('masks secrets, and starts at the requested time or attempt', async () => {
    const whole = await chandler(['logs', id, 'long']);
    expect(whole).toMatchObject({ exitCode: 0, stderr: '' });
    expect(whole.stdout).toMatch(/^token \*+\ntick 1\ntick 2\n/);
    const since = await chandler(['logs', id, 'long', '--since', '2s']);
    expect(since.stdout).toMatch(/^tick \d+\n/);
    expect(since.stdout).not.toMatch(/^tick 1$/m);
    expect((await chandler(['logs', id, 'bad', '--since', '2020-01-01'])).stdout).toBe('trouble\n');
    expect((await chandler(['logs', id, 'bad', '--since', '2099-01-01T00:00:00Z'])).stdout).toBe('');
    expect(await chandler(['logs', id, 'good', '--finalizer'])).toMatchObject({
      exitCode: 1,
      stderr: 'good has not started yet\n',
    });
    expect(await chandler(['logs', id, 'bad', '--attempt', '2'])).toMatchObject({
      exitCode: 2,
      stderr: 'bad has had only one attempt\n',
    });
    const { exitCode, stderr } = await chandler(['logs', id, 'bad', '--since', 'now']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('It must be a duration');
  });

  it('ends silently when its reader is gone', async () => {
    const line = `node ${quote(cli)} logs ${id} long -f 2>&1 | head -n 2`;
    expect(execFileSync('sh', ['-c', line], { env: environment(), encoding: 'utf8' })).toMatch(
      /^token \*+\ntick 1\n$/,
    );
  });

  it('announces and follows the next attempt of a retried step', async () => {
    const following = chandler(['logs', id, 'twice', '-f'], {
      on: (shown) => shown === 'try 1\n' && void stack.onHost('touch /root/try-1'),
    });
    const first = chandler(['logs', id, 'twice', '-f', '--attempt', '1']);
    await stack.until(id, ({ steps }) => steps[3]?.attempt === 2, 'the second attempt runs');
    expect(await first).toEqual({ exitCode: 0, stdout: 'try 1\n', stderr: '' });
    await stack.onHost('touch /root/try-2');
    expect(await following).toEqual({
      exitCode: 0,
      stdout: 'try 1\ntry 2\n',
      stderr: 'twice: attempt 1 is over; attempt 2 follows\ntwice: it is over: succeeded\n',
    });
  });

  it('stops following a parked step, and still shows logs after the run has ended', async () => {
    expect(await chandler(['logs', id, 'bad', '-f'])).toEqual({
      exitCode: 0,
      stdout: 'trouble\n',
      stderr: 'bad: it failed (exit 3) and needs attention\n',
    });
    await stack.client.abort(id);
    await stack.client.result(id);
    expect(await chandler(['logs', id, 'good'])).toMatchObject({ exitCode: 0, stdout: 'fine\n' });
    const terminal = new Terminal();
    try {
      terminal.type(`${command('attach', id, 'good')}; echo "exit=$?"`);
      await terminal.shows(/no session of good to attach to[^]*keepSessions: all[^]*exit=1/);
    } finally {
      terminal.close();
    }
  });

  it('reports what to do when the host is gone', async () => {
    await gate.stop();
    const { exitCode, stdout, stderr } = await chandler(['logs', id, 'bad']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('(host-unreachable)');
    expect(stderr).toContain(`chandler status ${id} has its last lines`);
  });
});
