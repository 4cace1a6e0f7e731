import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inspect, inspectedHost } from '../../src/client/inspect.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { chandler } from '../support/chandler.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack, type WorkerProcess } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const exec = promisify(execFile);

describe("C12: a run under Temporal's own controls", () => {
  let stack: Stack;
  let worker: WorkerProcess;
  let home: string;
  let cli: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chandler-controls-'));
    cli = (await testCli()).path;
    stack = await startStack({ workers: 0 });
    worker = await stack.startWorker();
  });
  afterAll(async () => {
    await stack?.stop();
    await rm(home, { recursive: true, force: true });
  });
  // Frees the host for the next test, also if this one has failed: its runs would keep the lease, and the workers busy.
  afterEach(async () => {
    const { workflow } = stack.client.temporal;
    for (const id of started.splice(0))
      await workflow
        .getHandle(id)
        .terminate('the test is over')
        .catch(() => undefined);
    await stack.client.clean({ target: stack.target() });
    await stack.onHost('rm -rf /root/* /var/lib/chandler/provisioned /var/lib/chandler/plans');
  });

  const temporal = async (...args: string[]) => {
    const { stdout } = await exec(cli, [...args, '--address', stack.address]);
    return stdout;
  };
  const run = (...args: string[]) =>
    chandlerHere([...args, '--address', stack.address, '--task-queue', stack.taskQueue], { home });
  /** Follows a run until it shows a running step, or something else. */
  const follow = async (id: string, shows = /running/) => {
    let ended: ReturnType<typeof chandler> | undefined;
    await new Promise<void>((seen) => {
      const args = ['status', id, '--watch', '--wait', '--address', stack.address];
      ended = chandler(args, { home, when: { shows, act: seen } });
    });
    return { ended: ended! };
  };
  const started: string[] = [];
  const start = async (steps: Plan['steps'], more: Partial<Plan> = {}) => {
    const id = await stack.start({ name: 'controlled', steps, sentinel: { whenPresent: 'ignore' }, ...more });
    started.push(id);
    return id;
  };
  /** A step that records each start and runs until `letGo`. */
  const held = (name: string) => ({
    name,
    script: `echo ${name} >>/root/begun; until test -e /root/go; do sleep 0.1; done`,
  });
  const begun = async () => (await stack.onHost('cat /root/begun 2>/dev/null || true')).trim().split('\n');
  const letGo = () => stack.onHost('touch /root/go');
  const pending = async (id: string) =>
    (await stack.client.temporal.workflow.getHandle(id).describe()).raw.pendingActivities ?? [];
  const waitOf = async (id: string) => {
    let activityId = '';
    await poll(async () => {
      const wait = (await pending(id)).find(({ activityType }) => activityType?.name === 'waitStep');
      activityId = wait?.activityId ?? '';
      return wait?.heartbeatDetails?.payloads !== undefined && wait.heartbeatDetails.payloads !== null;
    }, 'a wait has a heartbeat');
    return activityId;
  };
  const reset = (id: string, ...args: string[]) =>
    temporal('workflow', 'reset', '-w', id, '--reason', 'tried', ...args);
  const deleteRun = async (id: string) => {
    const deletion = exec(cli, ['workflow', 'delete', '-w', id, '--address', stack.address]);
    deletion.child.stdin?.end('y\n');
    await deletion;
  };
  /** The id of the last completed workflow task before the first matching event. */
  const taskIdBefore = async (id: string, is: RegExp) => {
    const { events } = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
    const names = (events ?? []).map((event) => JSON.stringify(event));
    const at = names.findIndex((text) => is.test(text));
    expect(at).toBeGreaterThan(0);
    const task = (events ?? [])
      .slice(0, at)
      .findLast(({ workflowTaskCompletedEventAttributes: done }) => done !== null && done !== undefined);
    return task?.eventId ?? null;
  };
  const taskBefore = async (id: string, is: RegExp) => String(await taskIdBefore(id, is));

  it('shows a paused activity and how to unpause it, and notices the end of the step afterwards', async () => {
    const id = await start([held('a')]);
    const activity = await waitOf(id);
    await temporal(
      'activity',
      'pause',
      '-w',
      id,
      '-a',
      activity,
      '--identity',
      'anna',
      '--reason',
      'looking',
    );
    await poll(async () => Boolean((await pending(id))[0]?.lastFailure), 'the worker has stopped waiting');
    const shown =
      /paused by Temporal's activity pause since [\d:]+ \(anna: looking\); unpause it with: (temporal .*)/;
    const [status, json, list, doctor] = [
      await run('status', id),
      await run('status', id, '--json'),
      await run('status'),
      await run('doctor'),
    ];
    const [, unpause = ''] = shown.exec(status.stdout) ?? [];
    expect(unpause).toBe(
      `temporal activity unpause --workflow-id ${id} --activity-id ${activity} --address ${stack.address}`,
    );
    const { steps } = JSON.parse(json.stdout) as { steps: { state: string; serverPause: unknown }[] };
    expect(steps[0]).toMatchObject({
      state: 'running',
      serverPause: { of: 'activity', by: 'anna', reason: 'looking', unpause },
    });
    expect(list.stdout).toMatch(new RegExp(`${id} +running: steps, activity paused`));
    expect(doctor.stdout).toMatch(new RegExp(`runs that are paused in Temporal.*${id}`, 's'));
    await letGo();
    // The step has ended on the host. Only the pause hides the end from the run.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await stack.client.status(id)).steps[0]?.state).toBe('running');
    const following = await follow(id);
    await temporal(...unpause.split(' ').slice(1, -2));
    expect((await following.ended).exitCode).toBe(0);
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await run('status', id)).stdout).not.toMatch(/paused/);
    expect(await begun()).toEqual(['a']);
  });

  it('shows a paused workflow, receives actions as signals meanwhile, and continues after the pause', async () => {
    const id = await start([held('a'), { name: 'b', needs: ['a'], script: 'echo b >>/root/begun' }]);
    await waitOf(id);
    const following = await follow(id);
    await temporal('workflow', 'pause', '-w', id, '--reason', 'looking');
    const shown =
      /paused by Temporal's workflow pause since [\d:]+ \(.*: looking\); unpause it with: (temporal .*)/;
    const [status, json, list, paused, retried, logs, doctor] = [
      await run('status', id),
      await run('status', id, '--json'),
      await run('status'),
      await run('pause', id),
      await run('retry', '--query', `WorkflowId = '${id}'`),
      await run('logs', id, 'a'),
      await run('doctor'),
    ];
    const [, unpause = ''] = shown.exec(status.stdout) ?? [];
    expect(unpause).toBe(`temporal workflow unpause --workflow-id ${id} --address ${stack.address}`);
    expect(JSON.parse(json.stdout)).toMatchObject({
      id,
      serverPause: { of: 'workflow', reason: 'looking', unpause },
      known: { plan: 'controlled', phase: 'steps' },
    });
    expect(list.stdout).toMatch(new RegExp(`${id} +paused by Temporal`));
    expect([paused.exitCode, paused.stdout]).toEqual([0, expect.stringMatching(/^Sent as a signal: /)]);
    expect([retried.exitCode, retried.stdout]).toEqual([1, expect.stringMatching(shown)]);
    expect([logs.exitCode, logs.stderr]).toEqual([1, expect.stringMatching(shown)]);
    expect(doctor.stdout).toMatch(new RegExp(`runs that are paused in Temporal.*${id}`, 's'));
    // Another run cannot take the lease meanwhile.
    const other = await stack.start({ name: 'another', steps: [{ name: 'x', script: 'true' }] });
    expect(await stack.client.result(other)).toMatchObject({ failure: { code: 'lease-held' } });
    await temporal(...unpause.split(' ').slice(1, -2));
    await stack.until(id, (now) => now.paused, 'the signal is handled');
    await stack.client.resume(id);
    await letGo();
    const { exitCode, stdout } = await following.ended;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(shown);
    expect(stdout).toMatch(/the run is unpaused/);
    expect(await begun()).toEqual(['a', 'b']);
  });

  it('shows how far it was, and what still runs, if it is terminated while it is paused and has more to handle', async () => {
    const id = await start([
      held('a'),
      { ...held('b'), script: 'sleep 1000' },
      { ...held('c'), needs: ['a'] },
    ]);
    await waitOf(id);
    await temporal('workflow', 'pause', '-w', id);
    await letGo();
    await poll(async () => (await pending(id)).length === 1, 'the end of the step is reported');
    await temporal('workflow', 'terminate', '-w', id, '--reason', 'tried');
    const { exitCode, stdout } = await run('status', id);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ *a .*\n *b .*running.*\n *c .*pending/m);
    expect(stdout).toMatch(/The run was terminated: tried/);
    expect(stdout).toMatch(/Still running on root@.*\n {2}b of .*\nEnd it with: chandler clean root@/);
    expect((await run('logs', id, 'a')).exitCode).toBe(0);
  });

  it('waits for a worker when a log is followed while none runs', async () => {
    const { name, script } = held('a');
    const id = await start([{ name, script: `echo first; ${script}; echo last` }]);
    await waitOf(id);
    await worker.kill('SIGKILL');
    const shown = await run('logs', id, 'a');
    expect(shown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('no worker answers') as string,
    });
    const restore = async () => {
      worker = await stack.startWorker();
      await letGo();
    };
    const args = ['logs', id, 'a', '--follow', '--address', stack.address, '--task-queue', stack.taskQueue];
    const followed = await chandler(args, { home, when: { shows: /waiting for one/, act: restore } });
    expect(followed).toMatchObject({ exitCode: 0, stdout: 'first\nlast\n' });
    expect(followed.stderr).toMatch(/^a: no worker answers; waiting for one\n/);
  });

  it('reports why no worker can continue it after a pause that began while a task waited, and how to continue it', async () => {
    const id = await start([held('a'), { name: 'b', needs: ['a'], script: 'echo b >>/root/begun' }]);
    await waitOf(id);
    await worker.kill('SIGKILL');
    const handle = stack.client.temporal.workflow.getHandle(id);
    await handle.signal('extendTimeout', { step: 'a', by: '1m' });
    // The command takes seconds on a busy machine, and the task waits for the dead worker for ten.
    await stack.client.temporal.workflowService.pauseWorkflowExecution({
      namespace: 'default',
      workflowId: id,
    });
    worker = await stack.startWorker();
    await temporal('workflow', 'unpause', '-w', id);
    await poll(
      async () => ((await handle.describe()).raw.pendingWorkflowTask?.attempt ?? 0) > 1,
      'its task fails',
    );
    const shown =
      /no worker can continue this run, because its workflow task fails: .*\n.*with: (temporal workflow reset .*)/;
    const [status, log, retried, following] = [
      await run('status', id),
      await run('logs', id, 'a', '--follow'),
      await run('retry', id, 'a'),
      await follow(id, shown),
    ];
    expect(status.stderr).toMatch(shown);
    expect([log.exitCode, log.stderr]).toEqual([1, expect.stringMatching(shown)]);
    const [, command = ''] = shown.exec(status.stderr) ?? [];
    expect(command).toMatch(/ --event-id \d+ --reason 'its task fails' --address /);
    expect([retried.exitCode, retried.stderr]).toEqual([1, expect.stringMatching(shown)]);
    await temporal(...command.replaceAll("'", '').replace('its task fails', 'tried').split(' ').slice(1, -2));
    await stack.until(id, ({ steps }) => steps[0]?.extendedByMs === 60_000, 'the signal is handled');
    await letGo();
    expect((await following.ended).exitCode).toBe(0);
    expect(await begun()).toEqual(['a', 'b']);
  });

  it('is reported as deleted, and its leftovers are found on the host', async () => {
    const id = await start([held('a')]);
    await waitOf(id);
    const following = await follow(id);
    await deleteRun(id);
    expect(await following.ended).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/the run was deleted .* chandler clean root@/) as string,
    });
    const status = await run('status', id);
    expect([status.exitCode, status.stderr]).toEqual([
      2,
      expect.stringMatching(/no run with the id .*; it never was, or it was deleted.*chandler clean TARGET/s),
    ]);
    const other = await stack.start({ name: 'another', steps: [{ name: 'x', script: 'true' }] });
    expect(await stack.client.result(other)).toMatchObject({
      failure: { code: 'leftovers-found', message: expect.stringContaining(`a of ${id}`) as string },
    });
  });

  it('is forgotten when it is deleted after its end, and the next run finds its host provisioned', async () => {
    const steps = [{ name: 'a', script: 'echo a >>/root/begun' }];
    const id = await start(steps);
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    await deleteRun(id);
    await poll(async () => (await run('status', id)).exitCode === 2, 'the server has deleted it');
    expect((await run('status', id)).stderr).toMatch(
      /no run with the id .*; it never was, or it was deleted/,
    );
    const next = await start(steps);
    expect((await stack.client.result(next)).outcome).toBe('provisioned');
    expect((await stack.client.status(next)).steps[0]?.state).toBe('unchanged');
    expect(await begun()).toEqual(['a']);
  });

  it('ends its steps and reports that when it is cancelled', async () => {
    const id = await start([{ name: 'a', script: 'sleep 1000' }]);
    await waitOf(id);
    const following = await follow(id);
    await temporal('workflow', 'cancel', '-w', id);
    expect(await following.ended).toMatchObject({ exitCode: 4 });
    const { stdout } = await run('status', id);
    expect(stdout).toMatch(/cancelled/);
    expect(stdout).toMatch(/All its steps that still ran were ended/);
    expect(await stack.onHost('pgrep -fx "sleep 1000" || echo none')).toBe('none\n');
  });

  it.each([
    ['reset', []],
    ['update-options', ['--heartbeat-timeout', '30s']],
  ])('keeps a running step after `activity %s`, and notices its end', async (control, options) => {
    const id = await start([held('a')]);
    const activity = await waitOf(id);
    await temporal('activity', control, '-w', id, '-a', activity, ...options);
    if (control === 'reset')
      await poll(async () => {
        const { events } = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
        return JSON.stringify(events).includes('ActivityReset');
      }, 'the reset has ended the wait');
    const { steps, trouble } = await stack.client.status(id);
    expect([steps[0]?.state, steps[0]?.trouble, trouble]).toEqual(['running', undefined, undefined]);
    await letGo();
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await begun()).toEqual(['a']);
  });

  it('continues after a reset during a step, and stays followed', async () => {
    const id = await start([held('a'), { name: 'b', needs: ['a'], script: 'echo b >>/root/begun' }]);
    await waitOf(id);
    const following = await follow(id);
    await reset(id, '--type', 'FirstWorkflowTask');
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'it waits again');
    await letGo();
    const { exitCode, stdout } = await following.ended;
    expect(stdout).not.toMatch(/aborted/);
    expect([exitCode, stdout.trim().split('\n').at(-1)]).toEqual([
      0,
      expect.stringMatching(/is provisioned in/),
    ]);
    expect(await begun()).toEqual(['a', 'b']);
  });

  it('keeps its running step when it is reset while the worker lacks the key of the host', async () => {
    const id = await start([held('a')]);
    await waitOf(id);
    const key = join(stack.secretsDir, 'id_test');
    await rename(key, `${key}.away`);
    await reset(id, '--type', 'FirstWorkflowTask');
    await stack.until(
      id,
      ({ attention, trouble }) => attention && trouble?.code === 'identity-unavailable',
      'it needs attention',
    );
    await rename(`${key}.away`, key);
    await letGo();
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await begun()).toEqual(['a']);
  });

  it('repeats neither a failed attempt nor its retry after a reset', async () => {
    const script = 'echo a $CHANDLER_ATTEMPT >>/root/begun; test -e /root/go';
    const id = await start([{ name: 'a', script }, held('z')]);
    const isParked = () => stack.until(id, ({ steps }) => steps[0]?.state === 'parked', 'it is parked');
    await isParked();
    await reset(id, '--type', 'FirstWorkflowTask');
    const again = await isParked();
    expect(again.steps[0]).toMatchObject({ attempt: 1, exitCode: 1 });
    await letGo();
    await stack.client.retry(id, { step: 'a' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');

    // Resets the ended run to before the retry, without reapplying the retry.
    await reset(id, '--event-id', await taskBefore(id, /retryStep/), '--reapply-exclude', 'All');
    await isParked();
    await stack.client.retry(id, { step: 'a' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await begun()).filter((line) => line.startsWith('a'))).toHaveLength(2);
    expect((await begun()).filter((line) => line.startsWith('z'))).toHaveLength(1);
  });

  it('does not count an attempt as done that a cancellation ended before a reset, even if it then exited with 0', async () => {
    const ends =
      "trap 'exit 0' TERM; echo $CHANDLER_ATTEMPT >>/root/begun; until test -e /root/go; do sleep 0.1; done";
    const id = await start([{ name: 'a', script: ends }]);
    await waitOf(id);
    await stack.client.temporal.workflow.getHandle(id).cancel();
    expect((await stack.client.result(id)).outcome).toBe('aborted');
    await reset(id, '--event-id', await taskBefore(id, /CancelRequested/), '--reapply-exclude', 'All');
    const { steps } = await stack.until(id, (now) => now.steps[0]?.state === 'parked', 'it is parked');
    expect(steps[0]?.failure).toMatchObject({
      code: 'step-interrupted',
      message: expect.stringMatching(/: Chandler ended it$/) as string,
    });
    await letGo();
    await stack.client.retry(id, { step: 'a' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await begun()).toEqual(['1', '2']);
  });

  it('refuses to replace an attempt from before a reset with another script unless the retry is forced', async () => {
    const id = await start([{ name: 'a', script: 'exit 3' }]);
    const isParked = () => stack.until(id, ({ steps }) => steps[0]?.state === 'parked', 'it is parked');
    await isParked();
    await stack.client.retry(id, { step: 'a', script: 'echo first >>/root/begun' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    await reset(id, '--event-id', await taskBefore(id, /retryStep/), '--reapply-exclude', 'All');
    await isParked();
    await stack.client.retry(id, { step: 'a', script: 'echo second >>/root/begun' });
    const conflict = await stack.until(
      id,
      ({ steps }) => steps[0]?.state === 'parked' && steps[0].attempt === 2,
      'the attempt is refused',
    );
    expect(conflict.steps[0]?.failure).toMatchObject({
      code: 'launch-conflict',
      message: expect.stringMatching(/a\.2 ran before the workflow was reset, with another script/) as string,
      advice: expect.stringMatching(/retry the step with force/) as string,
    });
    await stack.client.retry(id, { step: 'a', force: true });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await begun()).toEqual(['first', 'second']);
  });

  it('ends an attempt that a reset made the run forget', async () => {
    const script = 'echo $CHANDLER_ATTEMPT >>/root/begun; test $CHANDLER_ATTEMPT = 1 && exit 1; sleep 1000';
    const id = await start([{ name: 'a', script }]);
    const isParked = () => stack.until(id, ({ steps }) => steps[0]?.state === 'parked', 'it is parked');
    await isParked();
    await stack.client.retry(id, { step: 'a' });
    await poll(async () => (await begun()).length === 2, 'the second attempt runs');
    await reset(id, '--event-id', await taskBefore(id, /retryStep/), '--reapply-exclude', 'All');
    await isParked();
    await stack.client.skip(id, { step: 'a' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost('pgrep -fx "sleep 1000" || echo none')).toBe('none\n');
  });

  /** Resets a run and aborts it at once, before a worker has continued it. */
  const resetAndAbort = async (id: string, before: RegExp) => {
    const { workflowService: service, options, workflow } = stack.client.temporal;
    const { runId } = await workflow.getHandle(id).describe();
    await service.resetWorkflowExecution({
      namespace: options.namespace,
      workflowExecution: { workflowId: id, runId },
      reason: 'tried',
      requestId: randomUUID(),
      workflowTaskFinishEventId: await taskIdBefore(id, before),
    });
    await workflow.getHandle(id).signal('abort', { reason: 'tried' });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'aborted' });
    return stack.client.status(id);
  };

  it.each([
    ['the end of a step', /"runStep"/],
    ['the lease of its host', /"prepareHost"/],
  ])('ends what a reset made it forget if it is aborted at once: %s', async (what, before) => {
    const id = await start(
      [
        { name: 'done', script: 'true' },
        { name: 'next', needs: ['done'], script: 'true' },
        { name: 'fails', needs: ['done'], script: 'exit 3' },
        { ...held('a'), needs: ['done'] },
      ],
      { name: what },
    );
    await stack.until(
      id,
      ({ steps }) => steps.map(({ state }) => state).join() === 'succeeded,succeeded,parked,running',
      'two steps are done, one is parked, one runs',
    );
    const status = await resetAndAbort(id, before);
    expect(status.failure?.advice).toMatch(/^All its steps that still ran were ended/);
    const found = inspectedHost(
      await inspect(stack.client.temporal, stack.taskQueue, { target: stack.target() }),
    );
    expect(found).toMatchObject({ leftovers: [], openSessions: [] });
    expect(found.holder).toBeUndefined();
  });

  it('reports what may still run if it is aborted after a reset and cannot reach its host', async () => {
    const id = await start([held('a')]);
    await waitOf(id);
    const key = join(stack.secretsDir, 'id_test');
    await rename(key, `${key}.away`);
    const aborted = resetAndAbort(id, /"prepareHost"/);
    await aborted.catch(() => undefined);
    await rename(`${key}.away`, key);
    const { failure } = await aborted;
    expect(failure).toMatchObject({
      message: expect.stringMatching(/what ran before the reset may still run: .*id_test/) as string,
      advice: expect.stringMatching(/Show it with: chandler clean root@/) as string,
    });
  });

  it('parks instead of working beside another run when it is reset after its end', async () => {
    const first = await start([
      { name: 'a', script: 'true' },
      { name: 'b', needs: ['a'], script: 'true' },
    ]);
    expect((await stack.client.result(first)).outcome).toBe('provisioned');
    const second = await start([held('c')], { name: 'another' });
    await waitOf(second);
    // Resets to a point at which the run had the lease.
    await reset(first, '--event-id', await taskBefore(first, /"runStep"/));
    const parked = await stack.until(first, ({ steps }) => steps[0]?.state === 'parked', 'it is parked');
    expect(parked.steps[0]?.failure?.code).toBe('lease-held');
    expect(parked.steps[0]?.failure?.message).toContain(second);
    await letGo();
    expect((await stack.client.result(second)).outcome).toBe('provisioned');
    await stack.client.retry(first, { step: 'a' });
    expect((await stack.client.result(first)).outcome).toBe('provisioned');
  });
});
