import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const exec = promisify(execFile);
const ZMX = 'ZMX_DIR=/run/chandler/zmx zmx';

describe('a run', () => {
  let stack: Stack;
  beforeAll(async () => (stack = await startStack()));
  afterAll(() => stack?.stop());

  it('runs independent steps at the same time, dependent steps in order and finalizers last, and writes a sentinel', async () => {
    const mark = (name: string) =>
      `echo "begin ${name}" >> /root/order; sleep 0.7; echo "end ${name}" >> /root/order`;
    const id = await stack.start({
      name: 'order',
      steps: [
        { name: 'one', script: mark('one'), finalize: 'echo "finalize one" >> /root/order' },
        { name: 'two', script: mark('two'), finalize: 'echo "finalize two" >> /root/order' },
        { name: 'after', script: mark('after'), needs: ['one', 'two'] },
      ],
    });
    const { outcome } = await stack.client.result(id);
    expect(outcome).toBe('provisioned');
    const order = (await stack.onHost('cat /root/order')).trim().split('\n');
    expect(order.slice(0, 2).sort()).toEqual(['begin one', 'begin two']);
    expect(order.slice(2, 4).sort()).toEqual(['end one', 'end two']);
    expect(order.slice(4)).toEqual(['begin after', 'end after', 'finalize one', 'finalize two']);
    const sentinel: unknown = JSON.parse(await stack.onHost('cat /var/lib/chandler/provisioned'));
    expect(sentinel).toMatchObject({
      plan: 'order',
      workflowId: id,
      steps: [{ name: 'one', state: 'succeeded' }, {}, {}],
    });
  });

  it('runs nothing on a host that the plan has provisioned, unless the plan has changed', async () => {
    const steps = (n: number) => [{ name: 'count', script: `echo ran-${n} >> /root/count` }];
    expect((await stack.client.result(await stack.start({ steps: steps(1) }))).outcome).toBe('provisioned');
    expect((await stack.client.result(await stack.start({ steps: steps(1) }))).outcome).toBe(
      'already-provisioned',
    );
    expect(await stack.onHost('cat /root/count')).toBe('ran-1\n');
    expect((await stack.client.result(await stack.start({ steps: steps(2) }))).outcome).toBe('provisioned');
    const ignoring = await stack.start({ steps: steps(2), sentinel: { whenPresent: 'ignore' } });
    expect((await stack.client.result(ignoring)).outcome).toBe('provisioned');
    // The sentinel does not count, and the step is unchanged all the same.
    expect(await stack.onHost('cat /root/count')).toBe('ran-1\nran-2\n');
    const forcing = await stack.start({ steps: steps(2), run: { force: true } });
    expect((await stack.client.result(forcing)).outcome).toBe('provisioned');
    expect(await stack.onHost('cat /root/count')).toBe('ran-1\nran-2\nran-2\n');
    const skipping = await stack.start({ steps: steps(3), sentinel: { whenPresent: 'skip' } });
    expect((await stack.client.result(skipping)).outcome).toBe('already-provisioned');
  });

  it('costs few execs, events and workflow tasks', async () => {
    await stack.onHost(
      'echo "LogLevel VERBOSE" >>/etc/sandbox/sshd_config; kill -HUP $(cat /run/sandbox/sshd.pid); sleep 0.5; sh /etc/sandbox/sshd.sh drop',
    );
    const execs = async () =>
      Number(await stack.onHost("grep -c 'Starting session: ' /var/log/sshd.log || true"));
    const costOf = async (whenPresent: 'ignore' | 'skip') => {
      const before = await execs();
      const steps = ['a', 'b', 'c'].map((name) => ({ name, script: `echo ${name}`, finalize: 'true' }));
      const id = await stack.start({ name: 'cost', steps, sentinel: { whenPresent } });
      await stack.client.result(id);
      const { events } = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
      const tasks = events?.filter(({ workflowTaskScheduledEventAttributes: task }) => task).length;
      return { execs: (await execs()) - before, events: events?.length, tasks };
    };
    const first = await costOf('ignore');
    const noOp = await costOf('skip');
    // On a busy machine the ends of steps arrive one by one, each with a task of three events.
    expect(first.execs).toBeLessThanOrEqual(14);
    expect(first.events).toBeLessThanOrEqual(72);
    expect(first.tasks).toBeLessThanOrEqual(12);
    expect(noOp).toMatchObject({ execs: 2, events: 14, tasks: 2 });
  });

  it('parks a failed step, whose session stays and whose siblings continue, until a signal retries it', async () => {
    const id = await stack.start({
      steps: [
        {
          name: 'fails',
          script: 'echo to-see-this; test -e /root/fixed || exit 3',
          finalize: 'echo once >> /root/finalized',
        },
        { name: 'sibling', script: 'sleep 1; echo sibling-done' },
      ],
    });
    const parked = await stack.until(id, (s) => s.attention && s.steps[1]?.state === 'succeeded', 'parked');
    expect(parked.steps[0]).toMatchObject({ state: 'parked', exitCode: 3, failure: { code: 'step-failed' } });
    expect(parked.steps[0]?.failure?.logTail).toContain('to-see-this');
    expect(await stack.onHost(`${ZMX} list`)).toMatch(/name=fails\t.*exit_code=3/);
    // The session's shell still accepts commands.
    await stack.onHost(
      `${ZMX} run fails -d touch /root/looked-around && until test -e /root/looked-around; do sleep 0.1; done`,
    );

    await stack.onHost('touch /root/fixed');
    const { path } = await testCli();
    const signal = ['workflow', 'signal', '--address', stack.address, '-w', id, '--name', 'retryStep'];
    await exec(path, [...signal, '--input', '{"step": "fails"}']);
    const { outcome } = await stack.client.result(id);
    expect(outcome).toBe('provisioned');
    const status = await stack.client.status(id);
    expect(status.steps[0]).toMatchObject({ state: 'succeeded', attempt: 2, session: 'fails.2' });
    expect(status.auditTrail).toMatchObject([{ action: 'retryStep', step: 'fails' }]);
    expect(await stack.onHost('cat /root/finalized')).toBe('once\n');
  });

  it('retries with a replaced script, skips, and refuses actions that do not apply', async () => {
    const id = await stack.start({
      steps: [
        { name: 'bad', script: 'exit 1' },
        { name: 'worse', script: 'exit 2' },
      ],
    });
    await stack.until(id, (s) => s.steps.every((step) => step.state === 'parked'), 'both parked');
    await expect(stack.client.retry(id, { step: 'nope' })).rejects.toThrow(
      'there is no step "nope"; the steps are bad, worse',
    );
    await stack.client.retry(id, { step: 'bad', script: 'echo fixed' });
    await stack.until(id, (s) => s.steps[0]?.state === 'succeeded', 'bad succeeded');
    await expect(stack.client.retry(id, { step: 'bad' })).rejects.toThrow(
      'bad is not parked: it has already succeeded',
    );
    await stack.client.skip(id, { step: 'worse', reason: 'by hand' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await stack.client.status(id)).steps.map((step) => step.state)).toEqual(['succeeded', 'skipped']);
  });

  it('C1: runs a skipped step in the next run of the plan, and repeats only its dependents and the finalizers', async () => {
    await stack.onHost('rm -f /root/done /root/open');
    const did = (what: string) => `echo ${what} >>/root/done`;
    const steps = [
      { name: 'firewall', script: `${did('firewall')}; test -e /root/open` },
      { name: 'app', script: did('app'), finalize: did('reload') },
      { name: 'rules', script: did('rules'), needs: ['firewall'] },
    ];
    const skip = async (id: string) => {
      await stack.until(id, ({ attention }) => attention, 'firewall is parked');
      await stack.client.skip(id, { step: 'firewall' });
      return stack.client.result(id);
    };
    const first = await stack.start({ steps });
    expect((await skip(first)).outcome).toBe('provisioned');
    // Skips again: the launches keep their owner across any number of runs.
    const second = await stack.start({ steps, sentinel: { whenPresent: 'skip' } });
    expect((await skip(second)).outcome).toBe('provisioned');
    await stack.onHost('touch /root/open');
    const third = await stack.start({ steps });
    expect((await stack.client.result(third)).outcome).toBe('provisioned');
    expect((await stack.client.status(third)).steps).toMatchObject([
      { state: 'succeeded', attempt: 3 },
      { state: 'succeeded', attempt: 1 },
      { state: 'succeeded', attempt: 2 },
    ]);
    expect((await stack.client.result(await stack.start({ steps }))).outcome).toBe('already-provisioned');
    expect((await stack.onHost('cat /root/done')).trim().split('\n').toSorted()).toEqual([
      'app',
      ...Array.from({ length: 3 }, () => 'firewall'),
      ...Array.from({ length: 2 }, () => 'reload'),
      ...Array.from({ length: 2 }, () => 'rules'),
    ]);
  });

  it('leaves no sentinel when a finalizer fails, and retries only the finalizer', async () => {
    await stack.onHost('rm -f /var/lib/chandler/provisioned');
    const id = await stack.start({
      steps: [
        {
          name: 'main',
          script: 'echo ran >> /root/main-ran',
          finalize: 'test -e /root/final-fixed || exit 9',
        },
      ],
    });
    const parked = await stack.until(id, (s) => s.attention, 'the finalizer parked');
    expect(parked.steps[0]).toMatchObject({
      state: 'succeeded',
      finalizer: { state: 'parked', exitCode: 9, failure: { code: 'finalizer-failed' } },
    });
    await stack.onHost('test ! -e /var/lib/chandler/provisioned && touch /root/final-fixed');
    await stack.client.retry(id, { step: 'main' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost('cat /root/main-ran')).toBe('ran\n');
  });

  it('fails at once with onStepFailure: fail, and ends the siblings', async () => {
    const id = await stack.start({
      onStepFailure: 'fail',
      steps: [
        { name: 'quick', script: 'sleep 0.5; exit 4' },
        { name: 'slow', script: 'exec sleep 4711' },
      ],
    });
    const result = await stack.client.result(id);
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'step-failed', exitCode: 4 } });
    expect(await stack.onHost('ps -e -o args')).not.toContain('sleep 4711');
    expect((await stack.client.status(id)).steps.map((step) => step.state)).toEqual(['failed', 'killed']);
  });

  it('continues with onStepFailure: continue, but runs no finalizer and fails in the end', async () => {
    await stack.onHost('rm -f /var/lib/chandler/provisioned');
    const id = await stack.start({
      onStepFailure: 'continue',
      steps: [
        { name: 'bad', script: 'exit 5' },
        { name: 'dependent', script: 'touch /root/never', needs: ['bad'] },
        { name: 'good', script: 'sleep 0.5', finalize: 'touch /root/never' },
      ],
    });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'step-failed', exitCode: 5 },
    });
    expect((await stack.client.status(id)).steps.map((step) => step.state)).toEqual([
      'failed',
      'blocked',
      'succeeded',
    ]);
    await stack.onHost('test ! -e /root/never && test ! -e /var/lib/chandler/provisioned');
  });

  it('retries by policy, does not run satisfied steps, and ends steps that take too long', async () => {
    const id = await stack.start({
      steps: [
        { name: 'flaky', script: '[ "$CHANDLER_ATTEMPT" -ge 3 ]', retry: { attempts: 3, backoff: 100 } },
        { name: 'there', check: 'test -d /root', script: 'touch /root/not-needed' },
        { name: 'late', script: 'exec sleep 4712', timeout: '2s' },
      ],
    });
    const status = await stack.until(id, (s) => s.attention, 'late parked');
    expect(status.steps[2]).toMatchObject({ state: 'parked', failure: { code: 'step-timeout' } });
    await stack.until(id, (s) => s.steps[0]?.state === 'succeeded', 'flaky succeeded');
    expect((await stack.client.status(id)).steps[0]?.attempt).toBe(3);
    expect((await stack.client.status(id)).steps[1]?.state).toBe('satisfied');
    expect(await stack.onHost('ps -e -o args; test ! -e /root/not-needed')).not.toContain('sleep 4712');
    await stack.client.abort(id, { reason: 'enough' });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'aborted',
      failure: { message: 'aborted (enough)' },
    });
  });
});
