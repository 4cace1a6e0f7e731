import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { workerOf } from '../../chaos/workers.ts';
import { startStack, type Stack, type WorkerProcess } from '../support/stack.ts';

type Steps = Plan['steps'];
type Step = Steps[number];

/** A step that writes its name to the ledger on the host; `version` only makes it another script. */
const step = (name: string, more: Partial<Step> & { version?: number } = {}): Step => {
  const { version = 1, script = '', finalize, ...rest } = more;
  return {
    name,
    script: `set -e; echo ${name} >>/root/ledger; ${script}\n: ${version}`,
    ...(finalize !== undefined && { finalize: `echo ${name}! >>/root/ledger; ${finalize}` }),
    ...rest,
  };
};

/** Eight steps: c needs b needs a, e needs d, the others stand alone. a and j have finalizers. */
const eight = (changes: Partial<Record<string, Partial<Step> & { version?: number }>> = {}): Steps => [
  step('a', { finalize: ':', ...changes['a'] }),
  step('b', { needs: ['a'], ...changes['b'] }),
  step('c', { needs: ['b'], ...changes['c'] }),
  step('d', changes['d']),
  step('e', { needs: ['d'], ...changes['e'] }),
  ...['h', 'i'].map((name) => step(name, changes[name])),
  step('j', { finalize: ':', ...changes['j'] }),
];

/** A worker's death is noticed with its missing heartbeats. */
const LATE = { timeout: 30_000 };

describe('a plan that runs again on its host', () => {
  let stack: Stack;
  let workers: WorkerProcess[];
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    workers = [await stack.startWorker()];
  });
  afterAll(() => stack?.stop());
  beforeEach(() =>
    stack.onHost('rm -rf /root/ledger /root/fail* /var/lib/chandler/provisioned /var/lib/chandler/plans'),
  );

  const ledger = async () =>
    (await stack.onHost('cat /root/ledger 2>/dev/null; rm -f /root/ledger'))
      .split('\n')
      .filter(Boolean)
      .sort();
  const provision = async (steps: Steps, options: Partial<Plan> = {}) => {
    const id = await stack.start({ name: 'web', ...options, steps });
    const result = await stack.client.result(id);
    if (!('result' in result)) throw new Error(JSON.stringify(result.failure));
    const states = result.result.steps.map(({ name, state }) => `${name} ${state}`);
    return { id, outcome: result.outcome, states, ran: await ledger() };
  };

  /** The worker that waits for the only running launch of a run. */
  const holderOf = async (id: string) => {
    const { raw } = await stack.client.temporal.workflow.getHandle(id).describe();
    const [activity, ...others] = raw.pendingActivities ?? [];
    if (others.length > 0) throw new Error(`${id} has ${others.length + 1} pending activities`);
    const slots = workers.map((worker) => ({ worker, pid: () => worker.pid }));
    return workerOf(slots, activity?.lastWorkerIdentity)?.worker;
  };
  /** Starts `steps`, of which only d has to run and runs until `/root/fail-go` exists; kills the worker that holds it. */
  const killHolder = async (steps: Steps) => {
    const id = await stack.start({ name: 'web', steps });
    await expect.poll(() => stack.onHost('cat /root/ledger 2>/dev/null || :'), LATE).toBe('d\n');
    workers.push(await stack.startWorker());
    // Between two activities of the launch, no worker holds it.
    const holder = await vi.waitUntil(() => holderOf(id), LATE);
    await holder.kill('SIGKILL');
    workers.splice(workers.indexOf(holder), 1);
    return id;
  };

  it('runs the changed step and the steps that need it, and then the finalizers', async () => {
    const all = ['a', 'a!', 'b', 'c', 'd', 'e', 'h', 'i', 'j', 'j!'];
    expect(await provision(eight())).toMatchObject({ outcome: 'provisioned', ran: all });
    const again = await provision(eight({ b: { version: 2 } }));
    expect(again).toMatchObject({ outcome: 'provisioned', ran: ['a!', 'b', 'c', 'j!'] });
    expect(again.states).toEqual([
      'a unchanged',
      'b succeeded',
      'c succeeded',
      ...'dehij'.split('').map((name) => `${name} unchanged`),
    ]);
    expect(await provision(eight({ b: { version: 2 } }))).toMatchObject({
      outcome: 'already-provisioned',
      ran: [],
    });
  });

  it('runs nothing once only the sentinel is gone, and writes it again', async () => {
    await provision(eight());
    await stack.onHost('rm /var/lib/chandler/provisioned');
    const again = await provision(eight());
    expect(again).toMatchObject({ outcome: 'provisioned', ran: [] });
    expect(new Set(again.states.map((state) => state.slice(2)))).toEqual(new Set(['unchanged']));
    expect(await stack.onHost('cat /var/lib/chandler/provisioned')).toContain('"unchanged"');
    expect(await provision(eight())).toMatchObject({ outcome: 'already-provisioned', ran: [] });
  });

  it('runs a failed and an aborted step again, and nothing that was done before', async () => {
    const fails = {
      b: { script: 'test ! -e /root/fail' },
      d: { script: 'test ! -e /root/fail || exec sleep 7431' },
    };
    await stack.onHost('touch /root/fail');
    const id = await stack.start({ name: 'web', steps: eight(fails) });
    await stack.until(
      id,
      ({ steps }) =>
        steps[1]?.state === 'parked' && steps.slice(5).every(({ state }) => state === 'succeeded'),
      'b is parked and the others are done',
    );
    await stack.client.abort(id, { reason: 'enough' });
    await stack.client.result(id);
    expect(await ledger()).toEqual(['a', 'b', 'd', 'h', 'i', 'j']);
    // Another digest of the plan, so that the next run continues by the records alone.
    await stack.onHost('rm /root/fail');
    const next = await provision(eight({ ...fails, i: { version: 2 } }));
    expect(next.ran).toEqual(['a!', 'b', 'c', 'd', 'e', 'i', 'j!']);
  });

  it('ignores a sentinel for steps that began after it: a repeated step, or one that was edited and edited back', async () => {
    const fails = { d: { script: 'test ! -e /root/fail' } };
    const edited = { d: { version: 2 }, h: { version: 2, script: 'test ! -e /root/fail' } };
    const options = { onStepFailure: 'fail' as const };
    const runs: [Steps, NonNullable<Plan['run']>][] = [
      [eight(fails), { only: ['d'], force: true }],
      [eight(edited), {}],
    ];
    for (const [steps, run] of runs) {
      await stack.onHost('rm -f /root/fail');
      await provision(eight(fails));
      await stack.onHost('touch /root/fail; rm -f /root/ledger');
      const id = await stack.start({ name: 'web', ...options, steps, run });
      expect((await stack.client.result(id)).outcome).toBe('failed');
      await stack.onHost('rm /root/fail /root/ledger');
      const next = await provision(eight(fails));
      expect(next.outcome).toBe('provisioned');
      expect(next.ran).toEqual(expect.arrayContaining(['a!', 'd', 'e', 'j!']));
      expect(await provision(eight(fails))).toMatchObject({ outcome: 'already-provisioned', ran: [] });
    }
  });

  it('neither repeats nor forgets a step, however a run with an edited step ends', async () => {
    const guard = (name: string, otherwise = 'false') => `test ! -e /root/fail-${name} || ${otherwise}`;
    const guarded = (version: number) =>
      eight({
        a: { finalize: guard('a') },
        b: { script: guard('b', 'exec sleep 7432'), version },
        c: { script: guard('c') },
      });
    const cancel = (id: string) => stack.client.temporal.workflow.getHandle(id).cancel();
    const abort = (id: string) => stack.client.abort(id, { reason: 'x' });
    const skipC = (id: string) => stack.client.skip(id, { step: 'c' });
    const rest = ['a!', 'j!'];
    /** What is wrong on the host, when to act and how, what has run then, and what is left for the next run. */
    const ends: Record<
      string,
      [fails: string, is: string, act: (id: string) => Promise<unknown>, ran: string[], left: string[]]
    > = {
      'c is aborted': ['c', 'c parked', abort, ['b', 'c'], ['a!', 'c', 'j!']],
      'c is skipped': ['c', 'c parked', skipC, ['a!', 'b', 'c', 'j!'], ['a!', 'c', 'j!']],
      'b is cancelled': ['b', 'b running', cancel, ['b'], ['a!', 'b', 'c', 'j!']],
      'b is aborted': ['b', 'b running', abort, ['b'], ['a!', 'b', 'c', 'j!']],
      'a finalizer is aborted': ['a', 'a finalizer parked', abort, ['a!', 'b', 'c'], rest],
    };
    let version = 1;
    await provision(guarded(version));
    for (const [what, [fails, is, act, ran, left]] of Object.entries(ends)) {
      const steps = guarded((version += 1));
      await stack.onHost(`touch /root/fail-${fails}`);
      const id = await stack.start({ name: 'web', steps });
      await stack.until(
        id,
        (status) =>
          status.steps.some(
            ({ name, state, finalizer }) =>
              is === `${name} ${state}` || is === `${name} finalizer ${finalizer?.state}`,
          ),
        is,
      );
      // A step that is running may not have written its line.
      await expect.poll(() => stack.onHost('cat /root/ledger 2>/dev/null || :'), LATE).toContain('b');
      await act(id);
      await stack.client.result(id).catch(() => undefined);
      expect([what, await ledger()]).toEqual([what, ran]);
      await stack.onHost(`rm /root/fail-${fails}`);
      expect([what, (await provision(steps)).ran]).toEqual([what, left]);
      expect([what, await provision(steps)]).toMatchObject([
        what,
        { outcome: 'already-provisioned', ran: [] },
      ]);
    }
  });

  it('C1: runs a skipped step again', async () => {
    const fails = { d: { script: 'test ! -e /root/fail' } };
    await stack.onHost('touch /root/fail');
    const id = await stack.start({ name: 'web', steps: eight(fails) });
    await stack.until(id, ({ steps }) => steps[3]?.state === 'parked', 'd is parked');
    await stack.client.skip(id, { step: 'd' });
    await stack.client.result(id);
    expect(await ledger()).toContain('e');
    await stack.onHost('rm /root/fail');
    expect((await provision(eight({ ...fails, i: { version: 2 } }))).ran).toEqual([
      'a!',
      'd',
      'e',
      'i',
      'j!',
    ]);
  });

  it('runs a step again whose script an operator replaced for one run', async () => {
    const fails = { d: { script: 'false' } };
    const id = await stack.start({ name: 'web', steps: eight(fails) });
    await stack.until(id, ({ steps }) => steps[3]?.state === 'parked', 'd is parked');
    await stack.client.retry(id, { step: 'd', script: 'echo other >>/root/ledger' });
    await stack.client.result(id);
    await ledger();
    const repaired = await provision(eight());
    expect(repaired.ran).toEqual(['a!', 'd', 'e', 'j!']);
  });

  const slow = { d: { version: 2, script: 'until test -e /root/fail-go; do sleep 0.1; done' } };

  it('runs a step once although the worker that holds it is killed, and nothing unchanged', async () => {
    await provision(eight());
    const id = await killHolder(eight(slow));
    await expect.poll(() => holderOf(id), LATE).toBe(workers[0]);
    await stack.onHost('touch /root/fail-go');
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await ledger()).toEqual(['a!', 'd', 'e', 'j!']);
    await stack.onHost('rm /var/lib/chandler/provisioned');
    expect(await provision(eight(slow))).toMatchObject({ ran: [] });
  });

  it('neither repeats nor forgets a step whose worker is killed and whose run is terminated', async () => {
    await provision(eight());
    const id = await killHolder(eight(slow));
    await stack.client.temporal.workflow.getHandle(id).terminate('gone');
    // The launch goes on without a run, and ends well. Another plan does not continue it. A launch of an aborted run may never begin.
    const launches = '/var/lib/chandler/launches';
    await stack.onHost(
      `touch /root/fail-go; until test -z "$(for l in ${launches}/*/; do test ! -e $l/started || test -e $l/exit || echo $l; done)"; do sleep 0.1; done`,
    );
    const other = eight({ ...slow, i: { version: 2 } });
    expect((await provision(other)).ran).toEqual(['a!', 'd', 'e', 'i', 'j!']);
    expect(await provision(other)).toMatchObject({ outcome: 'already-provisioned', ran: [] });
  });

  it('keeps plans of different names apart, and remembers a step that is removed and added again', async () => {
    const [a, b] = [step('a', { finalize: ':' }), step('b', { needs: ['a'] })];
    await provision([a, b], { name: 'one' });
    const other = { name: 'two', sentinel: { path: '/root/fail-two' } };
    expect((await provision([a, step('b', { version: 3 })], other)).ran).toEqual(['a', 'a!', 'b']);
    expect((await provision([a], { name: 'one' })).ran).toEqual([]);
    expect((await provision([a, b, step('x')], { name: 'one' })).ran).toEqual(['a!', 'x']);
    const needing = step('b', { needs: ['a', 'x'] });
    expect((await provision([a, needing, step('x')], { name: 'one' })).ran).toEqual(['a!', 'b']);
    const third = { name: 'a name: with/any characters', sentinel: { path: '/root/fail-third' } };
    expect((await provision([a, needing, step('x')], third)).ran).toEqual(['a', 'a!', 'b', 'x']);
    expect((await provision([a, needing, step('x')], { ...third, run: { force: true } })).ran).toHaveLength(
      4,
    );
  });

  it('runs all again with force, and a step with always in each run', async () => {
    const steps = [step('a'), step('b', { needs: ['a'] }), step('c', { finalize: ':', always: true })];
    await provision(steps);
    expect((await provision(steps)).ran).toEqual(['c', 'c!']);
    expect((await provision(steps, { run: { force: true } })).ran).toEqual(['a', 'b', 'c', 'c!']);
    expect((await provision(steps)).ran).toEqual(['c', 'c!']);
  });

  it('does not repeat a check that was satisfied, nor what depends on it', async () => {
    const checked = step('a', { check: 'echo checked >>/root/ledger; test -e /root/fail' });
    const steps = [checked, step('b', { needs: ['a'] }), step('c')];
    await stack.onHost('touch /root/fail');
    expect((await provision(steps)).ran).toEqual(['b', 'c', 'checked']);
    const next = await provision([checked, step('b', { needs: ['a'] }), step('c', { version: 2 })]);
    expect(next).toMatchObject({ ran: ['c'], states: ['a unchanged', 'b unchanged', 'c succeeded'] });
    // Its script changes, the check is still satisfied: nothing ran that b depends on.
    const changed = { ...checked, script: 'echo new >>/root/ledger' };
    expect(await provision([changed, step('b', { needs: ['a'] }), step('c', { version: 2 })])).toMatchObject({
      ran: ['checked'],
      states: ['a satisfied', 'b unchanged', 'c unchanged'],
    });
    await stack.onHost('rm /root/fail');
    const lost = { ...checked, script: 'echo newer >>/root/ledger' };
    expect((await provision([lost, step('b', { needs: ['a'] })])).ran).toEqual(['b', 'checked', 'newer']);
  });

  it('runs an unchanged step that an operator resets, and then its dependents', async () => {
    await provision(eight());
    const slow = { i: { version: 2, script: 'until test -e /root/fail-go; do sleep 0.1; done' } };
    const id = await stack.start({ name: 'web', steps: eight(slow) });
    await stack.until(id, ({ steps }) => steps[2]?.state === 'unchanged', 'c is unchanged');
    await stack.client.retry(id, { step: 'b', resetDownstream: true });
    await stack.until(id, ({ steps }) => steps[2]?.state === 'succeeded', 'c ran');
    await stack.onHost('touch /root/fail-go');
    await stack.client.result(id);
    expect(await ledger()).toEqual(['a!', 'b', 'c', 'i', 'j!']);
  });

  it('runs only the selected steps and what they need that is not done, and reports what is not done', async () => {
    await provision(eight());
    const changed = eight({ a: { version: 2 }, h: { version: 2 }, i: { version: 2 } });
    const part = await provision(changed, { run: { only: ['b', 'i'] } });
    expect(part).toMatchObject({ outcome: 'incomplete', ran: ['a', 'b', 'i'] });
    expect(part.states.filter((state) => !state.endsWith('unchanged'))).toEqual([
      'a succeeded',
      'b succeeded',
      'c pending',
      'h pending',
      'i succeeded',
    ]);
    expect(await provision(changed, { run: { only: ['b'] } })).toMatchObject({
      outcome: 'incomplete',
      ran: [],
    });
    // h and what follows it: the rest is c alone, which h does not need.
    expect(await provision(changed, { run: { from: 'h' } })).toMatchObject({
      outcome: 'incomplete',
      ran: ['h'],
    });
    expect(await provision(changed, { run: { only: ['c'] } })).toMatchObject({
      outcome: 'provisioned',
      ran: ['a!', 'c', 'j!'],
    });
    expect(await provision(changed)).toMatchObject({ outcome: 'already-provisioned', ran: [] });
    const forced = await provision(changed, { run: { only: ['e'], force: true } });
    expect(forced).toMatchObject({ outcome: 'provisioned', ran: ['a!', 'e', 'j!'] });
  });
});
