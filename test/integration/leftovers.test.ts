import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sandboxExec } from '../support/sandbox-control.ts';
import { defaultWorkflowId } from '../../src/domain/run/ids.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { script } from '../../src/library/index.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

/** Counts up in a file, which reveals a step that runs twice or beside another. */
const ticking = (file: string, ticks: number) =>
  `for i in $(seq 1 ${ticks}); do echo $i >> /root/${file}; sleep 0.5; done`;

describe('a leftover of a run', () => {
  let stack: Stack;
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chandler-leftovers-'));
    stack = await startStack();
  });
  afterAll(async () => {
    await stack?.stop();
    await rm(home, { recursive: true, force: true });
  });
  // Frees the host for the next test.
  afterEach(async () => {
    await stack.client.clean({ target: stack.target() });
    await stack.onHost('rm -rf /root/* /var/lib/chandler/provisioned /var/lib/chandler/plans');
  });

  const start = (name: string, script: string, more: Partial<Plan> = {}) =>
    stack.start({
      name,
      steps: [{ name, script }],
      sentinel: { whenPresent: 'ignore' },
      ...more,
    });
  const ticks = async (file: string) => {
    const text = await stack.onHost(`cat /root/${file} 2>/dev/null || true`);
    return text.split('\n').filter((line) => line !== '');
  };
  const startTicking = async (name: string, count = 1000) => {
    const id = await start(name, ticking(name, count));
    await poll(async () => (await ticks(name)).length > 1, `${name} runs`);
    return id;
  };
  const terminate = (id: string) => stack.client.temporal.workflow.getHandle(id).terminate('test');
  const failureOf = async (id: string) => {
    const result = (await stack.client.result(id)) as { outcome: string; failure?: Failure };
    expect(result.outcome).toBe('failed');
    return result.failure as Failure;
  };
  const run = (...args: string[]) =>
    chandlerHere([...args, '--address', stack.address, '--task-queue', stack.taskQueue], { home });
  const clean = (...args: string[]) => {
    const { host, port = 22, identity, hostKey } = stack.target();
    const target = ['--target', `identity=${identity}`, '--target', `hostKey=${hostKey}`];
    return run('clean', `root@${host}:${port}`, ...target, ...args);
  };
  const expectStopped = async (file: string) => {
    const before = await ticks(file);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await ticks(file)).toEqual(before);
  };
  const count = (lines: number) => Array.from({ length: lines }, (_, i) => String(i + 1));

  it('terminate-leftovers: stops the next run, appears in status, and lets the run provision after clean has ended it', async () => {
    const a = await startTicking('a');
    await terminate(a);
    const b = await start('b', 'echo ran >> /root/b');
    const failure = await failureOf(b);
    expect(failure.code).toBe('leftovers-found');
    expect(failure.message).toMatch(
      new RegExp(`a of ${a} \\(running since \\d{4}-\\d\\d-\\d\\dT[\\d:]+Z, \\d+ processes\\)`),
    );
    expect(failure.advice).toMatch(
      /chandler clean root@\S+ --target identity=id_test .*--end\b.*onLeftovers: end/,
    );
    expect(await ticks('b')).toEqual([]);

    const status = await run('status', a);
    expect(status.stdout).toMatch(
      /Still running on root@\S+:\n {2}a of test:\S+ \(running since .*\)\nEnd it with: /,
    );
    expect(status.stdout).not.toMatch(/was ended/);
    const json = JSON.parse((await run('status', a, '--json')).stdout) as {
      leftovers?: { step: string; state: string; run: string }[];
    };
    expect(json.leftovers).toMatchObject([{ step: 'a', state: 'running', run: a }]);
    const aborted = await run('abort', a);
    expect(aborted.stderr).toMatch(/the run is over \(terminated\).*chandler status/);

    const shown = await clean();
    expect(shown.exitCode).toBe(1);
    expect(shown.stdout).toMatch(/^Left running on root@\S+:\n {2}a of test:/);
    const end = await clean('--end', '--json');
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(end.stdout)).toMatchObject({ leftovers: [{ step: 'a', left: 0 }], closed: ['a'] });
    await expectStopped('a');
    expect((await run('status', a)).stdout).toMatch(/No step of it runs on root@/);
    expect(await clean()).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^No earlier run left a step running/) as string,
    });

    const again = await start('b', 'echo ran >> /root/b');
    expect((await stack.client.result(again)).outcome).toBe('provisioned');
  });

  it('is ended by the next run with onLeftovers: end, and reported in the status of that run', async () => {
    const a = await startTicking('a');
    await terminate(a);
    const b = await start('b', 'echo ran >> /root/b', { onLeftovers: 'end' });
    expect((await stack.client.result(b)).outcome).toBe('provisioned');
    await expectStopped('a');
    const { notes } = await stack.client.status(b);
    expect(notes).toEqual([
      expect.stringMatching(new RegExp(`^ended what was left running: a of ${a} \\(running since`)),
    ]);
    expect((await run('status', b)).stdout).toContain('ended what was left running: a of');
  });

  it('is continued by a run with the same step, which runs once', async () => {
    const a = await startTicking('a', 16);
    await terminate(a);
    const next = await start('a', ticking('a', 16));
    const result = await stack.client.result(next);
    expect(result.outcome).toBe('provisioned');
    expect(await ticks('a')).toEqual(count(16));
    const status = await stack.client.status(next);
    expect(status.notes?.[0]).toMatch(/^continues what was left running: a of test:/);
    expect(status.steps[0]).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect((await stack.client.readLog(next, 'a')).complete).toBe(true);
  });

  it('is continued even if it ended meanwhile, across two terminated runs', async () => {
    const a = await startTicking('a', 12);
    await terminate(a);
    const second = await start('a', ticking('a', 12));
    await stack.until(second, (s) => s.steps[0]?.state === 'running', 'the second waits for it');
    await terminate(second);
    await poll(async () => (await ticks('a')).length === 12, 'the step ends');
    await poll(
      async () => (await stack.client.inspect({ target: stack.target() })).host !== undefined,
      'the host answers',
    );
    const third = await start('a', ticking('a', 12));
    expect((await stack.client.result(third)).outcome).toBe('provisioned');
    expect(await ticks('a')).toEqual(count(12));
  });

  it('is continued by a run that was reset to its beginning, and the step runs once', async () => {
    const a = await startTicking('a', 16);
    const { temporal } = stack.client;
    const run = temporal.workflow.getHandle(a);
    const { events } = await run.fetchHistory();
    const first = events?.find(({ workflowTaskCompletedEventAttributes: done }) => done)?.eventId;
    await temporal.workflowService.resetWorkflowExecution({
      namespace: temporal.options.namespace,
      workflowExecution: { workflowId: a, runId: (await run.describe()).runId },
      workflowTaskFinishEventId: first ?? null,
      reason: 'test',
      requestId: randomUUID(),
    });
    expect((await stack.client.result(a)).outcome).toBe('provisioned');
    expect(await ticks('a')).toEqual(count(16));
    expect((await stack.client.status(a)).notes).toEqual([
      expect.stringMatching(/^continues what was left running: a of test:/),
    ]);
  });

  it('is found by another plan after the script of a self-provisioning host was killed', async () => {
    const text = script([{ name: 'a', script: ticking('a', 1000) }], { zmx: { source: 'tmux' } });
    const { code } = await sandboxExec(
      stack.host,
      ['sh', '-c', 'cat >/root/provision && chmod 755 /root/provision'],
      {
        stdin: text,
      },
    );
    expect(code).toBe(0);
    await stack.onHost('nohup setsid /root/provision </dev/null >/dev/null 2>&1 &');
    await poll(async () => (await ticks('a')).length > 1, 'a runs');
    await stack.onHost('kill -9 $(sed -n "s/^pid=//p" /var/lib/chandler/script/pid)');
    const failure = await failureOf(await start('b', 'true'));
    expect(failure.message).toMatch(/an earlier run left running on the host: a \(running since/);
    await stack.client.clean({ target: stack.target() });
    await expectStopped('a');
    await stack.onHost('rm -rf /var/lib/chandler/script');
  });

  it('is found after the workflow was deleted', async () => {
    const a = await startTicking('a');
    const { temporal } = stack.client;
    await terminate(a);
    await temporal.workflowService.deleteWorkflowExecution({
      namespace: temporal.options.namespace,
      workflowExecution: { workflowId: a },
    });
    await poll(
      () =>
        temporal.workflow
          .getHandle(a)
          .describe()
          .then(
            () => false,
            () => true,
          ),
      'the workflow is deleted',
    );
    expect((await failureOf(await start('b', 'true'))).message).toContain(`a of ${a} (running since`);
  });

  it('is found after a run that the server timed out, by a later run with the same id', async () => {
    const id = defaultWorkflowId(stack.target());
    const plan = (name: string, script: string) => ({
      target: stack.target(),
      sentinel: { whenPresent: 'ignore' as const },
      steps: [{ name, script }],
    });
    await stack.client.temporal.workflow.start('provision', {
      workflowId: id,
      taskQueue: stack.taskQueue,
      args: [plan('a', ticking('a', 1000))],
      workflowExecutionTimeout: '20s',
    });
    expect((await stack.client.result(id)).outcome).toBe('aborted');
    expect((await ticks('a')).length).toBeGreaterThan(0);
    expect((await run('status', id)).stdout).toMatch(/Still running on root@/);
    await stack.client.start(plan('b', 'true'), { workflowId: id });
    expect((await failureOf(id)).code).toBe('leftovers-found');
  });

  it('is found after the worker was killed and the run terminated', async () => {
    const own = await startStack({ workers: 0 });
    try {
      const worker = await own.startWorker();
      const a = await own.start({ steps: [{ name: 'a', script: ticking('a', 1000) }] });
      await poll(async () => (await own.onHost('cat /root/a || true')) !== '', 'a runs');
      await worker.kill('SIGKILL');
      await own.client.temporal.workflow.getHandle(a).terminate('test');
      const silent = await chandlerHere(
        ['status', a, '--address', own.address, '--task-queue', own.taskQueue],
        { home },
      );
      expect(silent.stdout).toMatch(/is not known: no worker answers/);
      await own.startWorker();
      const b = await own.start({ steps: [{ name: 'b', script: 'true' }] });
      const result = (await own.client.result(b)) as { failure?: Failure };
      expect(result.failure).toMatchObject({ code: 'leftovers-found' });
    } finally {
      await own.stop();
    }
  });

  it('is not a process that a succeeded step started', async () => {
    const a = await start('a', 'setsid sleep 4832 >/dev/null 2>&1 </dev/null & sleep 0.5', {
      steps: [
        { name: 'a', script: 'setsid sleep 4832 >/dev/null 2>&1 </dev/null & sleep 0.5' },
        { name: 'c', script: 'sleep 1000', needs: ['a'] },
      ],
    });
    await stack.until(a, (s) => s.steps[1]?.state === 'running', 'c runs');
    await poll(
      async () => (await stack.onHost('ps -e -o args')).includes('sleep 1000'),
      'c runs on the host',
    );
    await terminate(a);
    const b = await start('b', 'true', { onLeftovers: 'end' });
    expect((await stack.client.result(b)).outcome).toBe('provisioned');
    expect((await stack.client.status(b)).notes).toEqual([
      expect.stringMatching(/^ended what was left running: c of/),
    ]);
    const running = await stack.onHost('ps -e -o args');
    expect(running).toContain('sleep 4832');
    expect(running).not.toContain('sleep 1000');
    await stack.onHost('pid=$(ps -e -o pid,args | awk "/[s]leep 4832/ { print \\$1 }"); kill $pid');
  });

  it('is not cleaned during a run unless --run names that run, which then loses the host', async () => {
    const a = await startTicking('a');
    const shown = await clean();
    expect(shown).toMatchObject({ exitCode: 0 });
    expect(shown.stdout).toMatch(new RegExp(`^${a} is at work on root@`));
    const refused = await clean('--end');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain(`chandler abort ${a}`);
    const before = (await ticks('a')).length;
    await poll(async () => (await ticks('a')).length > before, 'the step still runs');
    const named = await clean('--end', '--run', a);
    expect(named).toMatchObject({ exitCode: 0 });
    await expectStopped('a');
    await stack.client.abort(a);
    await stack.client.result(a);
  });

  it('is reported by doctor and diff', async () => {
    const a = await startTicking('a');
    await terminate(a);
    const { host: name, port = 22, identity, hostKey } = stack.target();
    const where = [
      `root@${name}:${port}`,
      '--target',
      `identity=${identity}`,
      '--target',
      `hostKey=${hostKey}`,
    ];
    const { stdout } = await run('doctor', ...where, '--json');
    const { findings } = JSON.parse(stdout) as { findings: { id: string; verdict: string; fix?: string }[] };
    expect(findings.find(({ id }) => id === 'host-leftovers')).toMatchObject({
      verdict: 'warning',
      fix: expect.stringMatching(/^chandler clean root@.* --end$/) as string,
    });
    const diff = async (script: string, more: object) => {
      const plan = { target: stack.target(), sentinel: { whenPresent: 'ignore' }, ...more };
      const input = JSON.stringify({ ...plan, steps: [{ name: 'a', script }] });
      const args = ['diff', '-', '--address', stack.address, '--task-queue', stack.taskQueue];
      return chandlerHere(args, { home, input });
    };
    const refused = await diff('true', {});
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toMatch(/fail\s+leftover a\s+a of test:.*: refused, as onLeftovers is refuse/);
    expect((await diff('true', { onLeftovers: 'end' })).stdout).toMatch(/leftover a .*: ended/);
    const same = await diff(ticking('a', 1000), {});
    expect(same.stdout).toMatch(/leftover a .*: continued/);
    expect(same.stdout).toMatch(/step a\s+begun by an earlier run; a run waits for it/);
    const { host } = await stack.client.inspect({ target: stack.target() });
    expect(host).toMatchObject({
      leftovers: [
        {
          launch: { step: 'a', attempt: 1, kind: 'step' },
          state: 'running',
          workflowId: a,
          atWork: false,
        },
      ],
    });
  });
});
