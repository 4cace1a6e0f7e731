import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

const LEASE = '/var/lib/chandler/lease';

describe('one host, two workflows', () => {
  let stack: Stack;
  beforeAll(async () => (stack = await startStack()));
  afterAll(() => stack?.stop());

  const startHolder = async (name: string, script = 'exec sleep 1000') => {
    const id = await stack.start({ steps: [{ name, script }] });
    await stack.until(id, (status) => status.steps[0]?.state === 'running', `${name} runs`);
    return id;
  };
  const another = (name: string) =>
    stack.start({
      steps: [{ name, script: `echo ran >> /root/${name}` }],
      sentinel: { whenPresent: 'ignore' },
    });
  const expectFree = () => stack.onHost(`test ! -e ${LEASE}`);

  it('refuses the second at once, naming the first and how to end it; the first is not disturbed', async () => {
    const first = await startHolder('first', 'until test -e /root/go; do sleep 0.1; done');
    const second = await another('second');
    const { outcome, failure } = (await stack.client.result(second)) as never as {
      outcome: string;
      failure: { code: string; message: string; advice: string };
    };
    expect(outcome).toBe('failed');
    expect(failure.code).toBe('lease-held');
    expect(failure.message).toContain(`workflow ${first}`);
    expect(failure.advice).toMatch(/^.+$/);
    expect(failure.advice).toContain(`chandler abort ${first}`);
    // The one that was refused has not let go of what is not its own.
    await stack.onHost(`test -e ${LEASE} && test ! -e /root/second && touch /root/go`);
    expect((await stack.client.result(first)).outcome).toBe('provisioned');
    await expectFree();
  });

  it('lets the next one in after a run that failed, was aborted or was cancelled', async () => {
    const failing = await stack.start({
      onStepFailure: 'fail',
      steps: [{ name: 'fails', script: 'exit 1' }],
      sentinel: { whenPresent: 'ignore' },
    });
    expect((await stack.client.result(failing)).outcome).toBe('failed');
    await expectFree();
    for (const how of ['abort', 'cancel'] as const) {
      const id = await stack.start({
        steps: [{ name: how, script: 'exec sleep 1000' }],
        sentinel: { whenPresent: 'ignore' },
      });
      await stack.until(id, (status) => status.steps[0]?.state === 'running', `${how} runs`);
      if (how === 'abort') await stack.client.abort(id);
      else await stack.client.temporal.workflow.getHandle(id).cancel();
      expect((await stack.client.result(id)).outcome).toBe('aborted');
      await expectFree();
    }
  });

  it('takes the host over from a workflow that was terminated, without touching what it left running', async () => {
    await stack.onHost('rm -f /var/lib/chandler/provisioned');
    const first = await startHolder('left', 'exec sleep 4831');
    await poll(
      async () => (await stack.onHost('ps -e -o args')).includes('sleep 4831'),
      'the step runs on the host, too',
    );
    await stack.client.temporal.workflow.getHandle(first).terminate('test');
    // A lease that nobody can release any more.
    await stack.onHost(`test -e ${LEASE}`);
    const next = await stack.start({
      steps: [
        { name: 'next', script: 'echo ran >> /root/next' },
        { name: 'left', script: 'echo typed >> /root/typed' },
      ],
    });
    const status = await stack.until(
      next,
      (s) => s.attention && s.steps[0]?.state === 'succeeded',
      'the name of the step left behind is busy',
    );
    expect(status.steps[1]).toMatchObject({ state: 'parked', failure: { code: 'launch-conflict' } });
    expect(await stack.onHost('cat /root/next; ps -e -o args')).toMatch(/^ran\n[^]*sleep 4831/);
    await stack.onHost('test ! -e /root/typed');
    await stack.client.abort(next);
    await stack.client.result(next);
    expect(await stack.onHost('ps -e -o args')).toContain('sleep 4831');
    await stack.onHost('pid=$(ps -e -o pid,args | awk "/[s]leep 4831/ { print \\$1 }"); kill $pid');
    await expectFree();
  });

  it('gives the host to exactly one of several that start at the same moment', async () => {
    const ids = await Promise.all(
      [1, 2, 3, 4].map(() =>
        stack.start({
          steps: [
            { name: 'race', script: 'echo ran >> /root/race; until test -e /root/raced; do sleep 0.1; done' },
          ],
          sentinel: { whenPresent: 'ignore' },
        }),
      ),
    );
    const results = ids.map((id) => stack.client.result(id));
    // The three that lose are over before the winner is.
    let over = 0;
    for (const result of results) void result.then(() => (over += 1));
    await expect.poll(() => over).toBe(3);
    await stack.onHost('touch /root/raced');
    const codes = (await Promise.all(results)).map((r) => ('failure' in r ? r.failure.code : r.outcome));
    expect(codes.sort()).toEqual(['lease-held', 'lease-held', 'lease-held', 'provisioned']);
    expect(await stack.onHost('cat /root/race')).toBe('ran\n');
    await expectFree();
  });
});
