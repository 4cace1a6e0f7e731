import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../support/stack.ts';

const LEASE = '/var/lib/chandler/lease';

describe('a host with several runs', () => {
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

  it('refuses the second at once, reports the first and how to end it, and does not disturb the first', async () => {
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
    // The refused run has not released the lease of the first.
    await stack.onHost(`test -e ${LEASE} && test ! -e /root/second && touch /root/go`);
    expect((await stack.client.result(first)).outcome).toBe('provisioned');
    await expectFree();
  });

  it('is free after a run that failed, was aborted or was cancelled', async () => {
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

  it('accepts exactly one of several that start at the same moment', async () => {
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
    // The three losers end before the winner.
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
