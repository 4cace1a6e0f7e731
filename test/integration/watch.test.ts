import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { poll } from '../support/poll.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';
import { startTmux, type TmuxTerminal } from '../support/tmux.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const exec = promisify(execFile);
const COLUMNS = 100;
const ROWS = 30;
/** Fails in its first attempt only. */
const FLAKY = 'echo looking-for-it; [ "$CHANDLER_ATTEMPT" -gt 1 ] || exit 3; echo found-it';
/** The list truncates longer ids. */
const SHOWN = 30;
const ABSENT = 'nobody-works-on-this';

let stack: Stack;
let proxy: FaultProxy;
let terminal: TmuxTerminal;

beforeAll(async () => {
  stack = await startStack();
  proxy = await startFaultProxy(Number(stack.address.split(':')[1]));
});
afterAll(async () => {
  await proxy.close();
  await stack.stop();
});
beforeEach(async () => {
  terminal = await startTmux({ columns: COLUMNS, rows: ROWS, env: env() });
});
afterEach(() => terminal.stop());

/** Starts a run that does each step, since several runs have the same steps. */
function start(plan: Omit<Plan, 'target'>): Promise<string> {
  return stack.start({ run: { force: true }, ...plan });
}

function env() {
  return { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}`, CHANDLER_TASK_QUEUE: stack.taskQueue };
}

/** Starts `chandler watch`, and compares the settings of the terminal before and after it. */
async function watch(...args: readonly string[]): Promise<void> {
  const words = args.map((arg) => `'${arg}'`).join(' ');
  await terminal.type(
    `clear; B=$(stty -g); node ${cli} watch ${words}; echo "code=$? same=$([ "$B" = "$(stty -g)" ] && echo yes)"`,
  );
  await terminal.press('Enter');
}

/** Expects that the program has ended and restored the terminal. */
async function expectExit(code: number): Promise<string> {
  const text = await terminal.until(/code=\d+ same=/);
  expect(text).toMatch(new RegExp(`code=${code} same=yes`));
  expect(await terminal.modes()).toEqual({ alternate: false, cursor: true });
  return text;
}

/** The pids of this file's `chandler watch WORD`. */
async function processes(word: string): Promise<number[]> {
  const { stdout } = await exec('ps', ['-e', '-o', 'pid,args']);
  const lines = stdout.split('\n').filter((line) => line.includes(`${cli} watch ${word}`));
  return lines.map((line) => Number.parseInt(line, 10));
}

const parked = (name: string) => new RegExp(`⏸ NEEDS ATTENTION +${name} \\(attempt 1\\): exit 3`);

describe('chandler watch', () => {
  it('shows the log of a parked step, retries it on a key press, and asks before an abort', async () => {
    const id = await start({
      steps: [
        { name: 'flaky', script: `printf '%0${COLUMNS - 1}dZ\\n' 0; ${FLAKY}` },
        { name: 'slow', script: 'sleep 600' },
      ],
    });
    await watch(id);
    await terminal.until(parked('flaky'));
    expect(await terminal.modes()).toEqual({ alternate: true, cursor: false });
    await terminal.press('l');
    // A line as wide as the screen is visible to its last column.
    await terminal.until(/log of flaky \(attempt 1\)[^]*0Z\n[^]*looking-for-it/);
    await terminal.press('r');
    await terminal.until(new RegExp(`\\[y/n\\] retry flaky of ${id}\\?`));
    await terminal.press('y');
    // The open log continues with the next attempt.
    await terminal.until(/log of flaky \(attempt 2\) · ✔ succeeded[^]*found-it/);
    await terminal.press('Escape');
    await terminal.until(/flaky +✔ succeeded +2/);

    // An abort needs confirmation.
    await terminal.press('x');
    await terminal.until(/Reason for aborting[^]*keep running/);
    await terminal.type('not now');
    await terminal.press('Enter');
    await terminal.until(/\[y\/n\] abort .*, because: not now\?/);
    await terminal.press('n');
    await terminal.until(/Nothing was done/);
    expect((await stack.client.status(id)).auditTrail).toMatchObject([{ action: 'retryStep' }]);
    await terminal.press('x', 'Enter', 'y');
    await terminal.until(/The run was aborted/);
    await terminal.press('q');
    expect(await expectExit(4)).toContain('The run was aborted');
  });

  it('skips a step with a reason, pauses, extends a timeout, and shows why an action is refused', async () => {
    const id = await start({
      steps: [
        { name: 'bad', script: 'exit 3' },
        { name: 'slow', script: 'until test -e /root/go-on; do sleep 0.1; done' },
      ],
    });
    await watch(id);
    await terminal.until(parked('bad'));
    await terminal.press('p');
    await terminal.until(/The run is paused[^]*\n/);
    await terminal.press('p');
    await terminal.until(/The run continues/);
    await terminal.press('s');
    await terminal.type('by hand, 日本');
    await terminal.press('Enter', 'y');
    await terminal.until(/bad +↷ skipped/);
    await terminal.press('r');
    await terminal.until(/slow is still running: there|bad has been skipped: there/);
    await terminal.press('End', 'e');
    await terminal.type('30m');
    await terminal.press('Enter');
    await terminal.until(/slow has 30m more/);
    expect((await stack.client.status(id)).auditTrail).toMatchObject([
      { action: 'pause' },
      { action: 'resume' },
      { action: 'skipStep', step: 'bad', reason: 'by hand, 日本' },
      { action: 'extendTimeout', step: 'slow', extendedByMs: 1_800_000 },
    ]);
    await stack.onHost('touch /root/go-on');
    await terminal.until(/is provisioned/);
    await terminal.press('q');
    await expectExit(0);
  });

  it('C5, C6: shows the whole message of a step that failed before its launch, even in narrow terminals, and requests no log', async () => {
    await addSecret(stack, 'api-token', 'x');
    const go = `/root/go-${Date.now()}`;
    const id = await start({
      steps: [
        { name: 'first', script: `until test -e ${go}; do sleep 0.1; done` },
        { name: 'configure', needs: ['first'], script: 'true', secrets: { TOKEN: 'file:api-token' } },
      ],
    });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the first step runs');
    await rm(join(stack.secretsDir, 'api-token'));
    await stack.onHost(`touch ${go}`);
    const status = await stack.until(id, ({ attention }) => attention, 'the second step is parked');
    const { message = '', advice = '' } = status.steps[1]?.failure ?? {};
    expect(message).toContain('api-token');
    await watch(id);
    const shows = (...texts: readonly string[]) => {
      const wanted = texts.map((text) => text.replaceAll(/\s+/g, ''));
      return (screen: string) => wanted.every((text) => screen.replaceAll(/\s+/g, '').includes(text));
    };
    for (const columns of [80, 60, 40]) {
      await terminal.resize(columns, 24);
      await terminal.until(shows(message, advice), `the message at ${columns} columns`);
    }
    await terminal.press('l');
    // Without its secret a log cannot be masked and shown. With the secret, there is still no log.
    await terminal.until(
      shows('Asking again in', message, advice),
      'the reason and the time of the next attempt',
    );
    await addSecret(stack, 'api-token', 'x');
    await terminal.until(shows('It is asked for again once the step is started again.', message, advice));
    const readings = async () => {
      const list = stack.client.temporal.workflow.list({ query: "WorkflowType = 'readStepLog'" });
      let count = 0;
      for await (const { workflowId, runId } of list)
        if (workflowId.includes(':configure:') && runId) count += 1;
      return count;
    };
    await poll(async () => (await readings()) > 1, 'the log has been requested');
    // Those that are on their way may come yet.
    const added = async () => {
      const before = await readings();
      await delay(4000);
      return (await readings()) - before;
    };
    await expect.poll(added).toBe(0);
    await terminal.press('q');
    await expectExit(0);
    await stack.client.abort(id, {});
    await stack.client.result(id);
  });

  it('lists runs with those that need attention first, adds new ones, and is not delayed by a run without a worker', async () => {
    const fleet = `fleet 'of' ${Date.now()}`;
    const nobody = await stack.client.temporal.workflow.start('provision', {
      workflowId: `nobody:${Date.now()}`,
      taskQueue: ABSENT,
      args: [{ target: stack.target(), steps: [{ name: 'a', script: 'true' }] }],
      typedSearchAttributes: [{ key: { name: 'ChandlerFleet', type: 'KEYWORD' }, value: fleet }],
    });
    const id = (await start({ fleet, steps: [{ name: 'flaky', script: FLAKY }] })).slice(0, SHOWN);
    await terminal.type(`FLEET="${fleet}"`);
    await terminal.press('Enter');
    await terminal.type(`clear; node ${cli} watch --fleet "$FLEET"; echo "code=$? same=yes"`);
    await terminal.press('Enter');
    await terminal.until(new RegExp(`> ${id}.* ⏸ needs attention +1⏸ [^]*nobody:[^]*no worker answers`));
    await terminal.until(/flaky +⏸ parked/);
    // The first run holds the lease, so this one fails at once.
    const other = (await start({ fleet, steps: [{ name: 'other', script: 'true' }] })).slice(0, SHOWN);
    await terminal.until(new RegExp(`${other}.* ✘ failed`));
    await terminal.press('/');
    await terminal.type('needs');
    await terminal.until(
      (text) => !text.includes(other) && text.includes(id),
      'only runs that need attention are shown',
    );
    await terminal.press('Enter');
    for (const [columns, rows] of [
      [1, 1],
      [2, 3],
      [500, 200],
      [30, 8],
    ] as const) {
      await terminal.resize(columns, rows);
      await poll(async () => (await terminal.text()) !== '', `something is shown at ${columns}x${rows}`);
    }
    await terminal.resize(COLUMNS, ROWS);
    await terminal.until(/\? help {2}q leave$/);
    await terminal.press('r', 'y');
    await terminal.press('Escape');
    await terminal.until(new RegExp(`${id}.* ✔ provisioned`));
    await terminal.press('C-c');
    await expectExit(130);
    await nobody.terminate();
  });

  it('survives a server that refuses or is silent, can be suspended and resumed, and ends with its terminal', async () => {
    const id = await start({ steps: [{ name: 'flaky', script: FLAKY }] });
    await watch(id);
    await terminal.until(parked('flaky'));
    await proxy.refuse();
    proxy.reset();
    const text = await terminal.until(/! no answer since \d\d:\d\d:\d\d/);
    expect(text).toMatch(parked('flaky'));
    const back = (text: string) => !text.includes('no answer since') && text.includes('NEEDS ATTENTION');
    // An action without a server is not kept for later.
    await terminal.press('r', 'y');
    await terminal.until(/The server does not answer: nothing was sent/);
    await proxy.accept();
    await terminal.until(back, 'the server is found again');
    proxy.setMode('blackhole');
    await terminal.until(/! no answer since/);
    proxy.setMode('pass');
    await terminal.until(back, 'the server responds again');

    await terminal.press('C-z');
    await terminal.until(/Stopped/);
    expect(await terminal.modes()).toEqual({ alternate: false, cursor: true });
    await terminal.press('f', 'g', 'Enter');
    await terminal.until(parked('flaky'));
    await terminal.press('r', 'y');
    await terminal.until(/flaky +✔ succeeded +2/);

    const pids = () => processes(id);
    expect(await pids()).toHaveLength(1);
    await terminal.hangUp();
    await poll(async () => (await pids()).length === 0, 'the program ends with its terminal');
  });

  it('restores the terminal when it crashes', async () => {
    // Without quotation marks, which NODE_OPTIONS would interpret.
    const broken = 'data:text/javascript,process.on(/SIGUSR2/.source,()=>notThere())';
    await terminal.type(
      `clear; B=$(stty -g); NODE_OPTIONS='--import ${broken}' node ${cli} watch --query ''; echo "code=$? same=$([ "$B" = "$(stty -g)" ] && echo yes)"`,
    );
    await terminal.press('Enter');
    await poll(async () => (await terminal.modes()).alternate, 'the screen is drawn');
    const pids = await processes('--query');
    expect(pids).toHaveLength(1);
    process.kill(pids[0] ?? 0, 'SIGUSR2');
    await expectExit(1);
  });

  it('prints a line for each change without a capable terminal', async () => {
    const second = await start({ steps: [{ name: 'only', script: 'echo fine' }] });
    await stack.client.result(second);
    const first = await start({ steps: [{ name: 'only', script: FLAKY }] });
    await stack.until(first, (status) => status.attention, 'the first is parked');
    const run = exec(process.execPath, [cli, 'watch', first, second], {
      env: { PATH: process.env['PATH'], ...env() },
    });
    const lines = new Promise<void>((resolve) => {
      run.child.stdout?.on('data', (chunk: Buffer) => chunk.toString().includes('only parked') && resolve());
    });
    await lines;
    await stack.client.retry(first, { step: 'only' });
    const { stdout } = await run;
    expect(stdout).toMatch(new RegExp(`^${first} {2}\\d\\d:\\d\\d:\\d\\d only parked \\(attempt 1\\)`, 'm'));
    expect(stdout).toMatch(new RegExp(`^${first} {2}.* only succeeded \\(attempt 2\\)`, 'm'));
    expect(stdout).toMatch(new RegExp(`^${second} {2}.* is provisioned`, 'm'));
    const json = await exec(process.execPath, [cli, 'watch', '--json', first, second], {
      env: { PATH: process.env['PATH'], ...env() },
    });
    const changes = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { run: string; change: string });
    expect(changes).toContainEqual(
      expect.objectContaining({ run: second, change: 'step', state: 'succeeded' }),
    );

    await terminal.type(`TERM=dumb node ${cli} watch ${second}; echo "code=$?"`);
    await terminal.press('Enter');
    expect(await terminal.until(/code=0/)).toMatch(/only succeeded \(attempt 1\)[^]*is provisioned/);
  });

  it('refuses invalid arguments before it draws anything', async () => {
    const outcomes = await Promise.all(
      [['no-such-run'], ['--query', 'Nonsense = 1'], ['some-run', '--fleet', 'x']].map((args) =>
        exec(process.execPath, [cli, 'watch', ...args], {
          env: { PATH: process.env['PATH'], ...env() },
        }).catch((error: { code: number; stderr: string }) => ({ code: error.code, stderr: error.stderr })),
      ),
    );
    expect(outcomes).toEqual([
      { code: 2, stderr: expect.stringMatching(/^no run with the id no-such-run; .*\n$/) as string },
      {
        code: 2,
        stderr: expect.stringMatching(/^the Temporal server refuses the request: .*Nonsense/) as string,
      },
      { code: 2, stderr: 'give ids of runs, or --fleet and --query; not both\n' },
    ]);
  });
});
