import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Target } from '../../src/domain/schema.ts';
import { quote } from '../../src/shell/index.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';
import { giveSecret, startStack, type Stack } from '../support/stack.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let stack: Stack;
let gate: TestHost;
let target: Target;
/** A run with a step that has failed, one that runs until the file `go` is there, one that has succeeded. */
let id: string;

beforeAll(async () => {
  [stack, gate] = await Promise.all([startStack(), startHost()]);
  await copyFile(gate.identity, join(stack.secretsDir, 'id_gate'));
  await giveSecret(stack, 'TOKEN', 'hunter2-is-secret');
  const jump = { host: gate.host, port: gate.port, identity: 'id_gate', hostKey: gate.hostKey };
  target = stack.target({ jump });
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
          'echo "try $CHANDLER_GENERATION"; until [ -e "/root/try-$CHANDLER_GENERATION" ]; do sleep 0.1; done; [ "$CHANDLER_GENERATION" = 2 ]',
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

/** Runs the command in a process of its own; `on` sees everything printed so far. */
async function chandler(
  args: readonly string[],
  options: { env?: Record<string, string>; on?: (stdout: string, end: () => void) => void } = {},
) {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...environment(), ...options.env },
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

/** The same as a person types it. */
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

describe('chandler attach', () => {
  it('opens the terminal of a step that runs, and of one that has failed to type into its shell', async () => {
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

  it('prints a command that does the same when it is pasted elsewhere', async () => {
    const { exitCode, stdout, stderr } = await chandler(['attach', id, 'bad', '--print']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^env SHELL=\/bin\/sh ssh [^\n]+\n$/);
    const file = join(stack.secretsDir, 'printed');
    await writeFile(file, stdout);
    // Of a zmx session that the person is in nothing reaches the host.
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

  it('needs a terminal, and is refused in the session itself', async () => {
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

  it('makes no session where there is none any more, and says what else there is', async () => {
    const { attach = '' } = await stack.client.status(id);
    const [, dir = '', zmx = ''] = /^ZMX_DIR=(\S+) (\S+) attach NAME$/.exec(attach) ?? [];
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
  it('runs a command on the host and hands on how it ended', async () => {
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

  it('tries what keys there are where the one of the plan is not here', async () => {
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

describe('chandler logs', () => {
  it('shows lines while the step still runs, and leaves nothing behind on Ctrl-C', async () => {
    const { exitCode, stdout } = await chandler(['logs', id, 'long', '-f', '--tail', '3'], {
      on: (shown, end) => shown.split('\n').length > 12 && end(),
    });
    expect(exitCode).toBe(130);
    expect(stdout).not.toContain('token');
    const ticks = [...stdout.matchAll(/^tick (\d+)$/gm)].map(([, tick]) => Number(tick));
    expect(ticks.length).toBeGreaterThan(9);
    // Every line once and in order, over all the pages.
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

  it('stars secrets, and begins where it is asked to', async () => {
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
    expect(await chandler(['logs', id, 'bad', '--generation', '2'])).toMatchObject({
      exitCode: 2,
      stderr: 'bad has had one try only\n',
    });
    const { exitCode, stderr } = await chandler(['logs', id, 'bad', '--since', 'now']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('It must be a duration');
  });

  it('ends quietly when nobody reads any more', async () => {
    const line = `node ${quote(cli)} logs ${id} long -f 2>&1 | head -n 2`;
    expect(execFileSync('sh', ['-c', line], { env: environment(), encoding: 'utf8' })).toMatch(
      /^token \*+\ntick 1\n$/,
    );
  });

  it('goes on with the next try of a step that is tried again, and says so', async () => {
    const following = chandler(['logs', id, 'twice', '-f'], {
      on: (shown) => shown === 'try 1\n' && void stack.onHost('touch /root/try-1'),
    });
    const first = chandler(['logs', id, 'twice', '-f', '--generation', '1']);
    await stack.until(id, ({ steps }) => steps[3]?.generation === 2, 'it is tried again');
    expect(await first).toEqual({ exitCode: 0, stdout: 'try 1\n', stderr: '' });
    await stack.onHost('touch /root/try-2');
    expect(await following).toEqual({
      exitCode: 0,
      stdout: 'try 1\ntry 2\n',
      stderr: 'twice: try 1 is over; this is try 2\ntwice: it is over: succeeded\n',
    });
  });

  it('of a step that waits for a person ends, and what can be read of a run that is over is read', async () => {
    expect(await chandler(['logs', id, 'bad', '-f'])).toEqual({
      exitCode: 0,
      stdout: 'trouble\n',
      stderr: 'bad: it has failed (exit 3) and waits for a person\n',
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

  it('says what to do when the host is gone', async () => {
    await gate.stop();
    const { exitCode, stdout, stderr } = await chandler(['logs', id, 'bad']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('(host-unreachable)');
    expect(stderr).toContain(`chandler status ${id} has its last lines`);
  });
});
